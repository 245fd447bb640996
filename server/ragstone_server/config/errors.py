"""What is wrong with a configuration, and where."""

from dataclasses import dataclass

from ragstone_server.spi.errors import StartError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend."""

    where: str
    """Path of the setting, as in `generator.use`."""
    what: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class ConfigurationInvalid(StartError):
    """The configuration is not valid."""

    def __init__(self, *problems: Problem) -> None:
        """Say every problem, a line each."""
        super().__init__("the configuration is not valid:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems
