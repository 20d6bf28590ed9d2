"""Settings of the study ``alarms``: where they begin, and what is known of failures."""

from pydantic import Field

from loopbook.scenario.settings import Settings


class AlarmsSettings(Settings):
    """Study ``alarms``."""

    quiet_hours: float = Field(24, ge=0, description="an alarm begins where so long no other row was one")
