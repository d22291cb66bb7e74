"""Django's PostgreSQL backend; the server is started at the first connection.

Commands that need no database (`check_policy`, `--help`) therefore never start one.
"""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

from config.embedded import server


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        host = server.socket_directory(Path(self.settings_dict["DATA_DIRECTORY"]))
        self.settings_dict["HOST"] = host
        # Only this database is created automatically; test and rehearsal databases are created by their
        # users.
        if self.settings_dict["NAME"] == self.settings_dict["CREATE_DATABASE"]:
            server.ensure_database(host, self.settings_dict["NAME"])
        params: dict[str, Any] = super().get_connection_params()
        return params
