"""`watchbill add|set|rm|rename|bind|unbind|enable|disable`: one command of one or a few operations.

Rule: `add` and `set` have a command for each kind, whose options are made from the parameter tables: a row there is an
option here, with its range and default in the help, and nothing is spelt twice. A setting may as well be given as a
word, `interval=5s`, which is how YAML and the API call it too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from schemas.config import Kind, Operation, Setting, Verb
from schemas.parameters.checking import check_added, describe
from schemas.parameters.kinds import KINDS, table_of
from schemas.parameters.monitors import COMMON, MONITOR_TYPES
from schemas.parameters.parameter import Parameter
from streams.cli import completing
from streams.cli.output import ExitCode, fail
from streams.cli.sending import COMMON_OPTIONS, Sending
from streams.cli.words import Misspoken, given, kind_of, pair_operation, settings_from

Words = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Settings, as words.")]
KindWord = Annotated[
    str, typer.Argument(metavar="KIND", help="service, monitor, member, vserver, ...", autocompletion=completing.kinds)
]
Names = Annotated[
    list[str], typer.Argument(metavar="NAME", help="Names of that kind.", autocompletion=completing.of_kind)
]

add = typer.Typer(help="Add an entity.", no_args_is_help=True)
set_ = typer.Typer(help="Change settings of an entity.", no_args_is_help=True)


def rm(kind: KindWord, names: Names, **common: Any) -> None:
    """Remove entities that are bound nowhere; a service group goes with its members."""
    _each(Verb.RM, kind, names, common)


def enable(kind: KindWord, names: Names, **common: Any) -> None:
    """Take entities into use again."""
    _each(Verb.ENABLE, kind, names, common)


def disable(
    kind: KindWord,
    names: Names,
    delay: Annotated[str | None, typer.Option(help="Going out of service this long, such as 60s, then out.")] = None,
    graceful: Annotated[bool, typer.Option("--graceful", help="Going out of service until disabled again.")] = False,
    **common: Any,
) -> None:
    """Take entities out of use: a disabled monitor does not count, a disabled service is out of service.

    With --delay or --graceful, a service that is UP is GOING_OUT_OF_SERVICE first, and those it serves may end.
    """
    settings = given({"delay": delay, "graceful": "yes" if graceful else None})
    _each(Verb.DISABLE, kind, names, common, settings)


def rename(
    kind: KindWord,
    name: Annotated[str, typer.Argument(help="Its name now.", autocompletion=completing.of_kind)],
    new_name: Annotated[str, typer.Argument(help="Its new name; the id stays.")],
    **common: Any,
) -> None:
    """Give an entity another name. Its id, bindings and states stay."""
    operation = Operation(Verb.RENAME, _spoken(kind_of, kind), name, {}, new_name=new_name)
    Sending(**common).deliver([operation])


Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=completing.named)]
PairWords = Annotated[
    list[str],
    typer.Argument(metavar="KIND NAME [to] KIND NAME", help="What to what; weight=10.", autocompletion=completing.pair),
]


def bind(
    words: PairWords,
    weight: Annotated[str | None, typer.Option(help="1-100, default 1; changes that of a binding that stands.")] = None,
    state: Annotated[str | None, typer.Option(help="ENABLED or DISABLED: a disabled binding does not count.")] = None,
    shadow: Annotated[str | None, typer.Option(help="yes: probed and shown, but never counts. Default no.")] = None,
    **common: Any,
) -> None:
    """Bind a monitor to a service, group or member; a service or group to a vserver; a node group to any of these.

    A dependency: `bind service web depends-on service db`. It changes no state; who is DOWN because of it says so.
    """
    extra = [f"{key}={value}" for key, value in given({"weight": weight, "state": state, "shadow": shadow}).items()]
    Sending(**common).deliver([_spoken(pair_operation, Verb.BIND, [*words, *extra])])


def unbind(words: PairWords, **common: Any) -> None:
    """Undo a binding: `unbind monitor http-web from service web1`."""
    Sending(**common).deliver([_spoken(pair_operation, Verb.UNBIND, words)])


def _each(
    verb: Verb, kind_word: str, names: list[str], common: dict[str, Any], settings: dict[str, Setting] | None = None
) -> None:
    kind = _spoken(kind_of, kind_word)
    faults = check_added(KINDS[kind].disabling, settings).faults if settings else []
    if faults:
        fail("; ".join(faults))
    Sending(**common).deliver([Operation(verb, kind, name, settings or {}) for name in names])


def _spoken(parse: Callable[..., Any], *words: Any) -> Any:
    try:
        return parse(*words)
    except Misspoken as fault:
        fail(str(fault), ExitCode.USAGE)


def _add(kind: Kind, name: str, settings: dict[str, Setting], sending: Sending) -> None:
    faults = check_added(table_of(kind, settings), settings).faults
    if faults:
        fail("; ".join(faults))
    sending.deliver([Operation(Verb.ADD, kind, name, settings)])


def _set(kind: Kind, name: str, settings: dict[str, Setting], sending: Sending) -> None:
    if not settings:
        fail("nothing to set: give --option VALUE or key=value; `key=` goes back to the default", ExitCode.USAGE)
    sending.deliver([Operation(Verb.SET, kind, name, settings)])


def _with_options(run: Callable[..., None], options: dict[str, tuple[Any, Any]]) -> Callable[..., None]:
    """The function with more options in its signature, which is where typer looks; it gets them by keyword."""
    own = [one for one in inspect.signature(run, eval_str=True).parameters.values() if one.kind is not one.VAR_KEYWORD]
    made = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for name, (annotation, default) in options.items()
    ]
    signature = inspect.Signature([*own, *made])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    return run


def _rows(kind: Kind, verb: Verb) -> dict[str, Parameter]:
    """The options of a kind by name; a parameter of some monitor types only says which."""
    rows = KINDS[kind].table.rows
    return {row.name: row for row in rows if verb is Verb.ADD or (row.later and row.name != "state")}


def _option(kind: Kind, row: Parameter) -> tuple[Any, Any]:
    types = [name for name, monitor in MONITOR_TYPES.items() if row in monitor.own]
    only = f"{', '.join(types)} only: " if kind is Kind.MONITOR and row not in COMMON else ""
    text = f"{only}{row.help} ({describe(row)})."
    flag = f"--{row.name.replace('_', '-')}"
    return Annotated[str | None, typer.Option(flag, help=text, metavar=row.shape.name.replace("_", "-"))], None


def _kind_command(verb: Verb, kind: Kind) -> Callable[..., None]:
    rows = _rows(kind, verb)

    def run(name: Name, words: Words = None, **values: Any) -> None:
        common = {key: values.pop(key) for key in COMMON_OPTIONS}
        settings = {**given(values), **_spoken(settings_from, words or [])}
        (_add if verb is Verb.ADD else _set)(kind, name, settings, Sending(**common))

    example = " Its name is group/address:port, such as web/10.0.0.3:80." if kind is Kind.MEMBER else ""
    run.__doc__ = f"{verb.value.capitalize()} a {KINDS[kind].noun}.{example}"
    return _with_options(run, {name: _option(kind, row) for name, row in rows.items()} | COMMON_OPTIONS)


def _register() -> None:
    for app, verb in ((add, Verb.ADD), (set_, Verb.SET)):
        for kind, row in KINDS.items():
            app.command(row.noun.replace(" ", "-"))(_kind_command(verb, kind))
    for run in (rm, enable, disable, rename, bind, unbind):
        _with_options(run, COMMON_OPTIONS)


_register()
