"""What `bezant doctor hsm` looks at: the module, its token, the PIN, and what it can do."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bezant.cli.checkup import Case, Finding, Health
from bezant.errors import BezantError

AREA: Final = "hsm"


def hsm(case: Case) -> Iterator[Finding]:
    """Look at the PKCS#11 token, where one is configured."""
    settings = case.settings.keys
    module = settings.softhsm_module
    if module is None:
        what = "No HSM is configured; keys lie in encrypted files"
        if case.settings.platform.profile == "poc":
            remedy = "Install SoftHSM and set SOFTHSM_MODULE: see docs/guides/hsm.md."
            yield Finding(AREA, "module", Health.NOTE, what, remedy)
        else:
            yield Finding(AREA, "module", Health.GOOD, what)
        return
    if not Path(module).is_file():
        yield Finding(
            AREA, "module", Health.WRONG, f"{module} does not exist", "Correct SOFTHSM_MODULE."
        )
        return
    if settings.softhsm_user_pin is None:
        yield Finding(
            AREA, "pin", Health.WRONG, "SOFTHSM_USER_PIN is not set", "Set it, or its _FILE."
        )
        return
    from bezant.wiring.keys import try_token

    try:
        tried = asyncio.run(try_token(settings))
    except BezantError as wrong:
        yield Finding(AREA, "token", Health.WRONG, wrong.detail, "See docs/guides/hsm.md.")
        return
    yield Finding(AREA, "token", Health.GOOD, f"{tried.module}, {tried.keys} keys")
    certificate = f"Certificate: {tried.certificate}"
    if tried.certificate != "none":
        certificate += " (as entered; nobody checked it)"
    yield Finding(AREA, "certificate", Health.GOOD, certificate)
    lacking = ", ".join(tried.lacking)
    if lacking:
        yield Finding(
            AREA, "kinds", Health.NOTE, f"This token cannot make or use {lacking}",
            "Keys of these kinds cannot be declared while it is configured.",
        )  # fmt: skip
    else:
        yield Finding(AREA, "kinds", Health.GOOD, "Every kind of key can be made and used")
