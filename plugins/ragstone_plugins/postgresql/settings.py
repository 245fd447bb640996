"""Settings of the PostgreSQL catalog."""

from pydantic import Field, SecretStr, field_validator, model_validator

from ragstone_server.spi.provider import Settings


class PostgresqlConfig(Settings):
    """Section `catalog` with `use = "postgresql"`."""

    url: SecretStr = Field(
        description="`postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`, best as `env:NAME`; libpq's parameters work."
    )
    min_connections: int = Field(default=2, ge=1, description="Connections that are kept open.")
    max_connections: int = Field(default=10, ge=2, description="Most connections of this process.")
    connect_timeout_seconds: float = Field(
        default=10.0, ge=1, description="Longest wait for a connection, of the server or of the pool."
    )
    answer_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for an answer, after which the database counts as away."
    )
    lock_seconds: float = Field(
        default=10.0, gt=0, description="Longest wait for a collection that another writer holds."
    )
    idle_in_transaction_seconds: float = Field(
        default=10.0,
        gt=0,
        description="After this long without a word the database ends a transaction: a frozen process holds up nobody.",
    )
    prepared_statements: bool = Field(
        default=False,
        description="Prepare statements that come again. Off, because a pooler of transactions may not know them.",
    )

    @field_validator("url")
    @classmethod
    def _is_of_postgresql(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "PostgresqlConfig":
        if self.min_connections > self.max_connections:
            raise ValueError("min_connections must not be greater than max_connections")
        return self
