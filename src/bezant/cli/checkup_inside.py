"""What `bezant doctor` looks at, as a running platform looks at it itself, for its operators.

The HSM is left to the command line: a process logs in to a token once, and logging out again would
end what the platform does with it. Where there is one, so are the keys.
"""

from collections.abc import Sequence
from typing import Final

from bezant import telemetry
from bezant.cli.checkup import Finding, Health, examine
from bezant.cli.installation import Place
from bezant.gateway.findings import Examine, FindingAnswer
from bezant.gateway.findings import Health as Told
from bezant.settings import Settings

AREAS: Final = ("machine", "settings", "secrets", "keys", "database", "broker")
_log = telemetry.log("doctor")


def examiner(settings: Settings, place: Place, *, live: bool) -> Examine:
    """Return what looks at this installation from inside."""
    has_token = settings.keys.softhsm_module is not None
    areas = [area for area in AREAS if not (has_token and area == "keys")]

    def look() -> Sequence[FindingAnswer]:
        found = [one for area in areas for one in _looked(settings, place, area, live=live)]
        if has_token:
            told = "The HSM and its keys are looked at on the machine itself"
            found.append(Finding("hsm", "token", Health.NOTE, told, "Run bezant doctor hsm there."))
        return [
            FindingAnswer(
                area=one.area, check=one.check, health=Told(one.health), found=one.found,
                remedy=one.remedy,
            )
            for one in found
        ]  # fmt: skip

    return look


def _looked(settings: Settings, place: Place, area: str, *, live: bool) -> Sequence[Finding]:
    try:
        return examine(settings, place, area, live=live)
    except Exception as error:  # noqa: BLE001 - one area that cannot be seen hides no other
        _log.error("area.unseen", error, area=area)
        told = f"The area {area} could not be looked at"
        return [Finding(area, "look", Health.WRONG, told, f"Run bezant doctor {area}.")]
