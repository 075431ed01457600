"""A keyring of the sandbox's own: gnome-keyring, unlocked, in a private D-Bus session.

Only where both programs are installed (Linux). Elsewhere the person's own keyring is used.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import MissingToolError
from ecrwiz.sandbox.children import Child, wait_until
from ecrwiz.sandbox.info import write_private

__all__ = ["KeyringSession", "can_start"]

# No <servicedir>: nothing is started by being called, so no other keyring can slip in.
_BUS_CONFIG: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_DEFAULT_COLLECTION: Final = (
    "/org/freedesktop/secrets/aliases/default",
    "org.freedesktop.secrets",
    "org.freedesktop.Secret.Collection",
)


def can_start() -> bool:
    """Whether both programs are on the PATH."""
    return all(shutil.which(name) for name in ("dbus-daemon", "gnome-keyring-daemon"))


class KeyringSession:
    """A running D-Bus session with a keyring in it.

    Attributes:
        address: for DBUS_SESSION_BUS_ADDRESS.
    """

    def __init__(self, data: Path, sockets: Path) -> None:
        """Start the bus; `unlock` starts the keyring.

        Args:
            data: the keyring's home.
            sockets: folder with a short path.
        """
        self._socket = sockets / "bus"
        self.address = f"unix:path={self._socket}"
        self._data = data
        self._children: list[Child] = []
        self._environment = {
            "HOME": str(data),
            "XDG_DATA_HOME": str(data / "share"),
            "XDG_CONFIG_HOME": str(data / "config"),
            "XDG_CACHE_HOME": str(data / "cache"),
            "XDG_RUNTIME_DIR": str(sockets),
            "DBUS_SESSION_BUS_ADDRESS": self.address,
        }
        config = data / "bus.conf"
        write_private(config, _BUS_CONFIG.format(address=self.address))
        argv = [_program("dbus-daemon"), f"--config-file={config}", "--nofork", "--nopidfile"]
        self._bus = self._start("dbus-daemon", argv)
        self._bus.feed()

    def unlock(self) -> None:
        """Start the keyring with a password that nobody knows, which leaves it unlocked; does not wait."""
        wait_until(self._socket.exists, self._bus, seconds=5)
        argv = [_program("gnome-keyring-daemon"), "--foreground", "--unlock", "--components=secrets"]
        keyring = self._start("gnome-keyring-daemon", argv)
        keyring.feed(secrets.token_urlsafe(32))

    def wait(self) -> None:
        """Wait until the keyring takes secrets; raises ToolFailedError when it does not."""
        wait_until(self._takes_secrets, self._children[-1], seconds=10)

    def stop(self) -> None:
        """End the keyring and its bus."""
        for child in reversed(self._children):
            child.stop()

    def _start(self, name: str, argv: list[str]) -> Child:
        child = Child(name, argv, self._data / "keyring.log", self._environment)
        self._children.append(child)
        return child

    def _takes_secrets(self) -> bool:
        # jeepney comes with keyring, on Linux alone.
        from jeepney import (  # type: ignore[import-untyped]
            DBusAddress,
            MessageType,
            Properties,
        )
        from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

        try:
            with open_dbus_connection(self.address) as connection:
                message = Properties(DBusAddress(*_DEFAULT_COLLECTION)).get("Locked")
                reply = connection.send_and_get_reply(message, timeout=1.0)
        except (OSError, TimeoutError):
            return False
        return bool(reply.header.message_type is MessageType.method_return and reply.body[0] == ("b", False))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingToolError(
            f"The sandbox's keyring needs {name}, which is not on this machine.",
            "Install it with `apt install dbus gnome-keyring`.",
        )
    return found
