"""What a board says, understood; and what it may say, survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.grbl.replies import Alarm, Banner, Error, Message, Ok, Reply, Setting, Status, parse


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("ok", Ok()),
        ("ok\r", Ok()),
        ("error:20", Error(20)),
        ("error:79", Error(79)),
        ("ALARM:2", Alarm(2)),
        ("Grbl 1.1h ['$' for help]", Banner("1.1h")),
        ("GrblHAL 1.1f ['$' or '$HELP' for help]", Banner("1.1f")),
        ("Grbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]", Banner("3.7")),
        ("[MSG:INFO: FluidNC v3.7.8]", Message("[MSG:INFO: FluidNC v3.7.8]")),
        ("[MSG:INFO: ALARM: Probe Fail Contact]", Message("[MSG:INFO: ALARM: Probe Fail Contact]")),
        ("[VER:3.7 FluidNC v3.7.8:]", Message("[VER:3.7 FluidNC v3.7.8:]")),
        ("[OPT:VNMSL,35,1024,3,0]", Message("[OPT:VNMSL,35,1024,3,0]")),
        ("[NEWOPT:ENUMS,RT+,SED]", Message("[NEWOPT:ENUMS,RT+,SED]")),
        ("ALARM:17", Alarm(17)),
        ("$32=1", Setting(32, 1.0)),
        ("$341=0", Setting(341, 0.0)),
        ("$70=", Message("$70=")),  # grblHAL's texts, here an empty one
        ("$/axes/x/steps_per_mm=80.000", Message("$/axes/x/steps_per_mm=80.000")),
        ("$110=8000.000", Setting(110, 8000.0)),
        ("[MSG:Pgm End]", Message("[MSG:Pgm End]")),
        (">G20G54:ok", Message(">G20G54:ok")),  # a start-up line: its ok answers nothing
        ("[echo:G0X1]", Message("[echo:G0X1]")),
        ("error:", Message("error:")),
        ("$N0=G20", Message("$N0=G20")),
        ("okay", Message("okay")),
    ],
)
def test_a_line_has_one_meaning(line: str, reply: Reply) -> None:
    assert parse(line) == reply


def test_only_ok_and_error_answer_a_line() -> None:
    said = ["ok", "error:1", "ALARM:3", "<Idle|MPos:0,0,0>", "Grbl 1.1h ['$' for help]", "[MSG:x]", "$0=1"]
    assert [line for line in said if isinstance(parse(line), Ok | Error)] == ["ok", "error:1"]


def test_a_whole_status() -> None:
    assert parse("<Hold:1|WPos:1.5,-2.000,0.000|Bf:15,128|FS:500,30|WCO:1,2,3|Ov:100,50,100|Pn:XZ>") == Status(
        state="Hold",
        substate=1,
        wpos=(1.5, -2.0, 0.0),
        wco=(1.0, 2.0, 3.0),
        blocks_free=15,
        rx_free=128,
        feed=500.0,
        speed=30.0,
        overrides=(100.0, 50.0, 100.0),
        pins="XZ",
    )


def test_a_short_status() -> None:
    assert parse("<Run|MPos:1,2,3|F:600>") == Status(state="Run", mpos=(1.0, 2.0, 3.0), feed=600.0)


@pytest.mark.parametrize("more", ["|SD:12.5,/page.nc", "|H:1,3", "|T:0", "|FW:grblHAL", "|WCS:G54|MPG:0", "|A:S"])
def test_what_other_firmwares_add_to_a_status_is_passed_over(more: str) -> None:
    assert parse(f"<Run:1|MPos:1,2,3,4{more}|FS:600,0>") == Status(
        state="Run", substate=1, mpos=(1.0, 2.0, 3.0, 4.0), feed=600.0, speed=0.0
    )


def test_either_position_gives_both() -> None:
    wco = (10.0, 20.0, 1.0)
    machine, work = Status("Idle", mpos=(11.0, 22.0, 4.0)), Status("Idle", wpos=(1.0, 2.0, 3.0))
    assert machine.machine(wco) == work.machine(wco) == (11.0, 22.0, 4.0)
    assert machine.work(wco) == work.work(wco) == (1.0, 2.0, 3.0)
    assert Status("Idle").machine(wco) is None
    assert Status("Idle").work(wco) is None


@pytest.mark.parametrize(
    "line",
    ["<Idle|MPos:0,0>", "<Idle|Bf:1.5,3>", "<Idle|Bf:15>", "<Idle|MPos:a,b,c>", "<Nap|MPos:0,0,0>", "<Hold:x>", "<"],
)
def test_a_damaged_status_is_only_a_message(line: str) -> None:
    assert parse(line) == Message(line)


@given(st.text() | st.from_regex(r"<(Idle|Run|Hold:0)(\|(MPos|Bf|FS|WCO|Ov|Pn):[-0-9.,nai]*)*>", fullmatch=True))
def test_nothing_a_line_can_hold_is_a_crash(line: str) -> None:
    parse(line)


def test_errors_and_alarms_speak() -> None:
    assert str(Error(20)) == "error:20 (unsupported word)"
    assert str(Alarm(2)) == "ALARM:2 (target outside the soft limits)"
    assert "not a GRBL 1.1 code" in str(Error(79))
