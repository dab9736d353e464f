"""Methods about accounts and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from localnet.accounts import MINT_BYTES, TOKEN_PROGRAMS, TokenHolding
from localnet.encoding import ui_amount
from localnet.errors import invalid_params
from localnet.render import show_account
from localnet.rpc.params import NO_CONFIG, Config, Filter, Methods, bytes_of, key_of

MAX_ACCOUNTS = 100
LARGEST = 20


class Selection(msgspec.Struct, frozen=True, rename="camel"):
    """Which token accounts of an owner: of a mint, or of a token program."""

    mint: str | None = None
    program_id: str | None = None


def passes(account: Account, filters: list[Filter] | None) -> bool:
    """Whether `account` meets all conditions. Raises RpcError for bytes that do not decode."""
    for condition in filters or ():
        if condition.data_size is not None and len(account.data) != condition.data_size:
            return False
        compare = condition.memcmp
        if compare is None:
            continue
        given = compare.bytes
        wanted = bytes_of(given, compare.encoding) if isinstance(given, str) else bytes(given)
        if account.data[compare.offset : compare.offset + len(wanted)] != wanted:
            return False
    return True


class AccountMethods(Methods):
    """getBalance … getTokenLargestAccounts."""

    def methods(self) -> dict[str, object]:
        """Name on the wire → method."""
        return {
            "getBalance": self.get_balance,
            "getAccountInfo": self.get_account_info,
            "getMultipleAccounts": self.get_multiple_accounts,
            "getProgramAccounts": self.get_program_accounts,
            "getTokenAccountsByOwner": self.get_token_accounts_by_owner,
            "getTokenAccountBalance": self.get_token_account_balance,
            "getTokenSupply": self.get_token_supply,
            "getTokenLargestAccounts": self.get_token_largest_accounts,
        }

    def get_balance(self, key: str, config: Config | None = None) -> object:
        """Lamports."""
        level = self.level(config)
        account = self.chain.account(key_of(key), level)
        return self.with_context(account.lamports if account else 0, level)

    def _shown(self, account: Account, config: Config | None, default: str | None = None) -> object:
        asked = config or NO_CONFIG
        accounts = self.chain.accounts
        return show_account(account, accounts, asked.encoding or default, asked.data_slice)

    def get_account_info(self, key: str, config: Config | None = None) -> object:
        """The account, or null."""
        level = self.level(config)
        account = self.chain.account(key_of(key), level)
        return self.with_context(account and self._shown(account, config), level)

    def get_multiple_accounts(self, keys: list[str], config: Config | None = None) -> object:
        """Up to a hundred of them, null for those that are not there."""
        if len(keys) > MAX_ACCOUNTS:
            raise invalid_params(f"Too many inputs provided; max {MAX_ACCOUNTS}")
        level = self.level(config)
        found = [self.chain.account(key_of(key), level) for key in keys]
        shown = [account and self._shown(account, config, "base64") for account in found]
        return self.with_context(shown, level)

    def _rows(
        self, owner: Pubkey, config: Config | None, test: Callable[[Account], bool]
    ) -> list[dict[str, object]]:
        slot = self.chain.tips[self.level(config)]
        return [
            {"pubkey": str(key), "account": self._shown(account, config)}
            for key, account in self.chain.accounts.owned_by(owner, slot)
            if test(account)
        ]

    def get_program_accounts(self, program: str, config: Config | None = None) -> object:
        """Accounts of a program that meet the filters."""
        asked = config or NO_CONFIG
        rows = self._rows(key_of(program), asked, lambda account: passes(account, asked.filters))
        return self.with_context(rows, self.level(asked)) if asked.with_context else rows

    def get_token_accounts_by_owner(
        self, owner: str, which: Selection, config: Config | None = None
    ) -> object:
        """Token accounts of a wallet, of one mint or of one token program."""
        wallet = key_of(owner)
        mint = key_of(which.mint) if which.mint is not None else None
        program = key_of(which.program_id) if which.program_id is not None else None
        if (mint is None) == (program is None):
            raise invalid_params("Invalid params: expected `mint` or `programId`")
        if program is not None and program not in TOKEN_PROGRAMS:
            raise invalid_params("Invalid param: unrecognized Token program id")

        def is_wanted(account: Account) -> bool:
            holding = self.chain.accounts.holding(account)
            return (
                holding is not None
                and holding.owner == wallet
                and (mint is None or holding.mint == mint)
            )

        programs = TOKEN_PROGRAMS if program is None else (program,)
        rows = [row for owner in programs for row in self._rows(owner, config, is_wanted)]
        return self.with_context(rows, self.level(config))

    def _holding(self, key: str, level: int) -> TokenHolding:
        holding = self.chain.accounts.holding(self.chain.account(key_of(key), level))
        if holding is None:
            raise invalid_params("Invalid param: could not find account")
        return holding

    def get_token_account_balance(self, key: str, config: Config | None = None) -> object:
        """What one token account holds."""
        level = self.level(config)
        holding = self._holding(key, level)
        return self.with_context(ui_amount(holding.amount, holding.decimals), level)

    def get_token_supply(self, mint: str, config: Config | None = None) -> object:
        """Tokens in existence."""
        level = self.level(config)
        account = self.chain.account(key_of(mint), level)
        if account is None or account.owner not in TOKEN_PROGRAMS or len(account.data) < MINT_BYTES:
            raise invalid_params("Invalid param: could not find mint")
        supply = int.from_bytes(account.data[36:44], "little")
        return self.with_context(ui_amount(supply, account.data[44]), level)

    def _holdings_of(self, mint: Pubkey, level: int) -> Iterator[tuple[int, str, int]]:
        for program in TOKEN_PROGRAMS:
            for key, account in self.chain.accounts.owned_by(program, self.chain.tips[level]):
                holding = self.chain.accounts.holding(account)
                if holding is not None and holding.mint == mint:
                    yield holding.amount, str(key), holding.decimals

    def get_token_largest_accounts(self, mint: str, config: Config | None = None) -> object:
        """The twenty biggest holders."""
        level = self.level(config)
        largest = sorted(self._holdings_of(key_of(mint), level), reverse=True)[:LARGEST]
        shown = [
            {"address": key, **ui_amount(amount, decimals)} for amount, key, decimals in largest
        ]
        return self.with_context(shown, level)
