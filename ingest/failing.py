"""How sending fails: for good, or so that another try may help."""

from models.reasons import Reason


class NoticeFailed(Exception):
    """A notice did not go out. `permanent`: trying again would not help."""

    def __init__(self, why: Reason, *, permanent: bool) -> None:
        super().__init__(f"{why.code} {dict(why.values)}")
        self.reason, self.permanent = why, permanent
