"""How a person uses a page: with the mouse, or with nothing but the keyboard."""

from __future__ import annotations

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

MOST_TABS = 250


class Hand(Protocol):
    """What both can do."""

    def press(self, part: Locator) -> None:
        """Uses a button, a box or a cell of a table."""

    def write(self, field: Locator, text: str) -> None:
        """Puts text into a field, and leaves it."""

    def choose(self, field: Locator, value: str) -> None:
        """Takes one of a select's options."""

    def tab(self, tabs: Locator, name: str) -> None:
        """Goes to a tab of a row of tabs."""

    def remove(self, card: Locator) -> None:
        """Takes a layer out of a network."""

    def empty(self, cards: Locator) -> None:
        """Takes all layers out of a network."""


class Mouse:
    """Clicks; types only where something is to be written."""

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root

    def press(self, part: Locator) -> None:
        """Clicks it."""
        part.click()

    def write(self, field: Locator, text: str) -> None:
        """Clicks into it, writes and clicks elsewhere."""
        field.click()
        field.fill(text)
        field.blur()

    def choose(self, field: Locator, value: str) -> None:
        """Takes the option."""
        field.select_option(value)

    def tab(self, tabs: Locator, name: str) -> None:
        """Clicks the tab."""
        tabs.get_by_role("tab", name=name, exact=True).click()

    def remove(self, card: Locator) -> None:
        """Selects the card and takes Delete from its menu."""
        card.click()
        self.page.get_by_role("button", name="More for", exact=False).click()
        self.page.get_by_role("menuitem", name="Delete", exact=True).click()

    def empty(self, cards: Locator) -> None:
        """Selects from the first to the last and takes Delete from the menu."""
        cards.first.click()
        cards.last.click(modifiers=["Shift"])
        self.page.get_by_role("button", name="More for", exact=False).click()
        self.page.get_by_role("menuitem", name="Delete", exact=True).click()


class Keyboard:
    """Presses keys, and nothing else: what Tab and arrows do not reach cannot be used."""

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root

    def reach(self, part: Locator) -> None:
        """Goes on by Tab until the part has the keys; from the widget's beginning where they are elsewhere."""
        expect(part).to_be_visible()
        expect(part).to_be_enabled()
        for _ in range(MOST_TABS):
            if self._has(part):
                return
            within = "root => document.querySelector(root).contains(document.activeElement)"
            if not self.page.evaluate(within, self.root):
                self.page.evaluate(
                    "root => { const el = document.querySelector(root); el.tabIndex = -1; el.focus(); }", self.root
                )
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{MOST_TABS} times Tab do not lead to {part}")

    def press(self, part: Locator) -> None:
        """Goes there and presses Enter; within a table that arrows go through, by arrows."""
        if part.evaluate("el => el.tabIndex < 0 && !!el.dataset.at"):
            self._walk(part)
        else:
            self.reach(part)
        self.page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        """Goes there, writes, and presses Tab."""
        self.reach(field)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Tab")

    def choose(self, field: Locator, value: str) -> None:
        """Goes there and through the options by arrows."""
        self.reach(field)
        at = "(el, value) => [...el.options].findIndex(o => o.value === value) - el.selectedIndex"
        by = int(field.evaluate(at, value))
        for _ in range(abs(by)):
            self.page.keyboard.press("ArrowDown" if by > 0 else "ArrowUp")
        expect(field).to_have_value(value)

    def tab(self, tabs: Locator, name: str) -> None:
        """Goes to the row of tabs and through it by arrows."""
        wanted = tabs.get_by_role("tab", name=name, exact=True)
        self.reach(tabs.locator('[role="tab"][aria-selected="true"]'))
        for _ in range(tabs.get_by_role("tab").count()):
            if self._has(wanted):
                break
            self.page.keyboard.press("ArrowRight")
        expect(wanted).to_have_attribute("aria-selected", "true")

    def remove(self, card: Locator) -> None:
        """Goes through the cards by arrows and presses Delete."""
        self.reach(self.page.locator('.ll-nb-card[tabindex="0"]'))
        self.page.keyboard.press("Control+A")
        for _ in range(self.page.locator(".ll-nb-card").count()):
            if self._has(card):
                break
            self.page.keyboard.press("ArrowUp")
        expect(card).to_be_focused()
        self.page.keyboard.press("Delete")

    def empty(self, cards: Locator) -> None:
        """Selects all by Control+A and presses Delete."""
        self.reach(self.page.locator('.ll-nb-card[tabindex="0"]'))
        self.page.keyboard.press("Control+A")
        expect(cards.last).to_have_attribute("aria-current", "true")
        self.page.keyboard.press("Delete")

    def _has(self, part: Locator) -> bool:
        return bool(part.evaluate("el => el === document.activeElement"))

    def _walk(self, cell: Locator) -> None:
        """From the table's one cell that Tab reaches, by arrows to another."""
        self.reach(cell.locator("xpath=ancestor::table").locator('[data-at][tabindex="0"]'))
        there = "el => [document.activeElement, el].map(e => e.dataset.at.split(',').map(Number))"
        (row, column), (to_row, to_column) = cell.evaluate(there)
        for key, times in (
            ("ArrowDown", to_row - row),
            ("ArrowUp", row - to_row),
            ("ArrowRight", to_column - column),
            ("ArrowLeft", column - to_column),
        ):
            for _ in range(times):
                self.page.keyboard.press(key)
        expect(cell).to_be_focused()
