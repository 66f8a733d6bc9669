"""`watchbill completion bash|zsh|fish`: the script that completes verbs, kinds, options and names in a shell.

Rule: the script is typer's own, which asks this program at each Tab; only the verb that is being typed is loaded for
that (`main`), and names are asked of Kafka with a short deadline (`completing`). It is printed, not installed: where it
belongs is the system's to say, and a package puts it there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

PROGRAM = "watchbill"
ZSH_FIRST_TAB = """
if [ "$funcstack[1]" = "_watchbill" ]; then
  _watchbill_completion "$@"
fi
"""
"""zsh runs the file at the first Tab, and only defines by it: without this that Tab offers nothing."""


class Shell(StrEnum):
    """The shells there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell that is to complete.")]) -> None:
    """Print a shell's completion script.

    bash: source <(watchbill completion bash), in ~/.bashrc.
    zsh: watchbill completion zsh > ~/.zfunc/_watchbill, with that folder in fpath before compinit.
    fish: watchbill completion fish > ~/.config/fish/completions/watchbill.fish
    """
    from typer._completion_shared import get_completion_script

    from streams.cli.main import VARIABLE

    script = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell.value)
    print(script + (ZSH_FIRST_TAB if shell is Shell.ZSH else ""))
