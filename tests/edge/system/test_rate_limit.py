"""Rate limit: a repeated message is printed once a minute."""

from __future__ import annotations

from edgeseg.system.rate_limit import RateLimitedMessage


def test_rate_limited_message_prints_once_a_minute_with_count() -> None:
    messages: list[str] = []
    now = 0.0
    message = RateLimitedMessage(messages.append, clock=lambda: now)
    for second in range(121):
        now = float(second)
        message("lost")
    assert len(messages) == 3
    assert messages[0] == "lost"
    for line in messages[1:]:
        assert line.startswith("lost")
        assert "59" in line
