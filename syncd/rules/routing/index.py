"""A local index of accounts: answers the website questions without asking the CRM.

Accounts are found by the domain of their website and by its base domain. The index is exact where the CRM's own search
is a substring and a page limit, so what it finds is what the resolver would keep of the CRM's answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.model.crm import Account, Question, Questions

from .domains import base_domain, website_domain


class AccountIndex:
    """Accounts by website. Not for concurrent writers: one thread adds and removes; a reader takes a lock with it."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._accounts: dict[str, Account] = {}
        self._by_domain: dict[str, set[str]] = {}
        self._by_base: dict[str, set[str]] = {}
        for account in accounts:
            self.add(account)

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def get(self, account_id: str) -> Account | None:
        """The account of an id; None if it is not in the index."""
        return self._accounts.get(account_id)

    def add(self, account: Account) -> None:
        """Add an account, or put it in the place of the one with its id."""
        self.remove(account.id)
        self._accounts[account.id] = account
        for keys, key in self._keys(account):
            keys.setdefault(key, set()).add(account.id)

    def remove(self, account_id: str) -> None:
        """Remove an account; nothing happens if it is not there."""
        account = self._accounts.pop(account_id, None)
        if account is None:
            return
        for keys, key in self._keys(account):
            keys[key].discard(account_id)
            if not keys[key]:
                del keys[key]

    def by_domain(self, domain: str) -> tuple[Account, ...]:
        """The accounts whose website is on `domain`, by id."""
        return self._of(self._by_domain.get(domain, set()))

    def by_base_domain(self, base: str) -> tuple[Account, ...]:
        """The accounts whose website has the base domain `base`, by id."""
        return self._of(self._by_base.get(base, set()))

    def answers(self, questions: Questions) -> tuple[Account, ...]:
        """The accounts that answer the website questions in `questions`, by id. The others are for the CRM."""
        found = {a.id: a for a in self.by_domain(questions.domain)} if Question.WEBSITES in questions.asked else {}
        if Question.BASE_DOMAIN in questions.asked:
            found |= {a.id: a for a in self.by_base_domain(questions.base_domain)}
        return tuple(found[id_] for id_ in sorted(found))

    def _keys(self, account: Account) -> Iterator[tuple[dict[str, set[str]], str]]:
        domain = website_domain(account.website)
        if domain:
            yield self._by_domain, domain
            if base := base_domain(domain):
                yield self._by_base, base

    def _of(self, ids: set[str]) -> tuple[Account, ...]:
        return tuple(self._accounts[id_] for id_ in sorted(ids))
