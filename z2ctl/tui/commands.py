"""What can be done here, and the app's own ways: the help, the list of all commands, the colours, the mouse.

Apart from the app because none of it touches the daemon: it needs the key table, the bindings of the screen on top
and the terminal.
"""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from z2ctl.tui import keymap, settings, terminal, themes
from z2ctl.tui.desk import Desk
from z2ctl.tui.screens.dialogs import Choice, Help, Menu


class Commands(Desk):
    """See the module."""

    _mouse_on = True

    def _actions(self) -> list[tuple[keymap.Key, str, list[str]]]:
        """The actions that work here with their keys as they are bound now, in the order of the table."""
        keys: dict[str, list[str]] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.id:
                keys.setdefault(active.binding.id, []).append(self.get_key_display(active.binding))
        return [(key, key.action, keys[key.id]) for key in keymap.KEYS if key.id in keys]

    def action_help(self) -> None:
        """The keys that work here."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for key, _action, shown in self._actions():
            groups.setdefault(keymap.SCOPES[key.scope], []).append((" ".join(shown), key.words))
        self.push_screen(Help(f"Keys - rebind them in {settings.spoken(settings.config_file())}", list(groups.items())))

    def action_palette(self) -> None:
        """Every action by its words, and jobs by their title."""
        choices = [
            Choice(("act", action), key.words, " ".join(shown), self.why_not(action))
            for key, action, shown in self._actions()
        ]
        recent = self.state.window.rows[:50]
        choices.extend(Choice(("open", job.id), f"Open {job.id}  {job.name}") for job in recent)
        below = self.screen

        def answered(value: tuple[str, Any] | None) -> None:
            if value is None:
                return
            kind, what = value
            if kind == "open":
                self.open_job(int(what))
            else:
                self.run_worker(self._command(str(what), below), group="palette")

        self.push_screen(
            Menu("All commands", choices, search="type to find a command or a job; a number opens it"), answered
        )

    async def _command(self, action: str, below: Screen[Any]) -> None:
        node = below.focused or below
        chain = [node, *node.ancestors] if node is not None else [below]
        for each in (*chain, self):
            if hasattr(each, f"action_{action.split('(', 1)[0]}"):
                await self.run_action(action, default_namespace=each)
                return

    def action_theme(self) -> None:
        """Ask for the colours."""
        words = {
            "dark": "Dark",
            "light": "Light",
            "terminal": "The terminal's own colours",
            "terminal-light": "The terminal's own colours, on light",
        }
        now = next((name for name, theme in themes.NAMES.items() if theme == self.theme), "")
        choices = [Choice(name, said, "now" if name == now else "") for name, said in words.items()]

        def answered(name: str | None) -> None:
            if name:
                self.theme = themes.NAMES[name]
                self.memory.theme = name

        self.push_screen(Menu("Theme", choices), answered)

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        if not self.settings.mouse:
            self.say("The mouse was left to the terminal at the start (--no-mouse)")
            return
        self._mouse_on = not self._mouse_on
        if self._driver is not None:
            self._driver.write(terminal.MOUSE_ON if self._mouse_on else terminal.MOUSE_OFF)
            self._driver.flush()
        self.say(
            "The mouse works here again"
            if self._mouse_on
            else "The mouse is the terminal's: select as usual, m takes it back"
        )
