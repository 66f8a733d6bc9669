"""What HAProxy is told of each state, and what becomes of questions that are none."""

from __future__ import annotations

import asyncio

import pytest

from connectors.outbound.haproxy_agent import Answer, HaproxyAgent, agent_line
from schemas.states import State


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ((State.UP, ""), "ready up 100%"),
        ((State.DOWN, "tcp: refused"), "ready down #tcp: refused"),
        ((State.GOING_OUT_OF_SERVICE, "disabled"), "up drain"),
        ((State.OUT_OF_SERVICE, "disabled"), "maint"),
        ((State.UNKNOWN, ""), ""),
        (None, ""),
    ],
)
def test_each_state_in_the_words_of_haproxy(answer: Answer | None, line: str) -> None:
    assert agent_line(answer) == line


def test_what_a_target_said_cannot_add_a_line_or_a_word_of_command() -> None:
    line = agent_line((State.DOWN, "banner \n ready up 100% \x1b[31m" + "x" * 500))
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) < 150
    assert line.startswith("ready down #")


async def ask(question: bytes, answers: dict[str, Answer]) -> tuple[bytes, HaproxyAgent]:
    agent = HaproxyAgent(answers.get)
    port = await agent.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(question)
    writer.write_eof()
    said = await reader.read()
    writer.close()
    await agent.close()
    return said, agent


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (b"web\n", b"ready up 100%\n"),
        (b"web\r\n", b"ready up 100%\n"),
        (b"web", b"ready up 100%\n"),
        (b"nobody\n", b"\n"),
        (b"\n", b"\n"),
        (b"x" * 5_000 + b"\n", b""),
        (b"\xff\xfe\n", b""),
    ],
)
def test_a_question_gets_one_line_or_none(question: bytes, said: bytes) -> None:
    assert asyncio.run(ask(question, {"web": (State.UP, "")}))[0] == said


def test_questions_about_unknown_services_are_counted() -> None:
    _, agent = asyncio.run(ask(b"nobody\n", {}))
    assert (agent.asked, agent.unknown) == (1, 1)
