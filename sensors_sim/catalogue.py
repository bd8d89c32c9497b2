"""Which scenarios there are, and one of them by its name."""

from importlib import import_module
from pkgutil import iter_modules

from sensors_sim import scenarios
from sensors_sim.scenario import Scenario


class UnknownScenario(ValueError):
    """There is no scenario of that name; `values` names it and those that exist."""

    code = "simulator.unknown_scenario"

    def __init__(self, name: str) -> None:
        self.values = {"name": name, "known": ", ".join(names())}
        super().__init__(f"no scenario {name!r}; there are {self.values['known']}")


def names() -> list[str]:
    """Return the names of all scenarios, in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(scenarios.__path__))


def scenario(name: str) -> Scenario:
    """Return a scenario by its name."""
    if name not in names():
        raise UnknownScenario(name)
    module = import_module(f"sensors_sim.scenarios.{name.replace('-', '_')}")
    found: Scenario = module.SCENARIO
    return found
