"""Where alerts go; no stage reads this, so that another address makes nothing stale."""

from pydantic import Field

from loopbook.scenario.settings import Names, Settings


class AlertSettings(Settings):
    """Who is told of incidents after a night."""

    file: str | None = Field(None, description="file of JSON lines, one a message, relative to the project")
    webhook: str | None = Field(
        None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="name of the environment variable that holds the address to post to: addresses are secrets",
    )
    mail: Names = Field((), description="mail addresses; the server comes from LOOPBOOK_SMTP_HOST")
