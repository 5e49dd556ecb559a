"""Stop requests by signals."""

from __future__ import annotations

import os
import signal

import pytest

from edgeseg.system.signals import StopRequest, stop_by_signals


def test_stop_request_stores_first_signal() -> None:
    stop = StopRequest()
    assert not stop.asked
    stop.ask(signal.SIGINT)
    stop.ask(signal.SIGTERM)
    assert stop.asked
    assert stop.signal == signal.SIGINT


def test_stop_by_signals_second_ctrl_c_interrupts_and_handlers_are_restored() -> None:
    previous = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_by_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.pause(60)
        assert stop.signal == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
        stop.pause(60)
    assert signal.getsignal(signal.SIGINT) is previous
