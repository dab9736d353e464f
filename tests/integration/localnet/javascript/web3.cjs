// web3.js 1.x and the official pump SDK against our node and our program. Usage: node web3.cjs RPC WS
// Prints one JSON object with what it saw; the test judges.
"use strict";
const { Connection, Keypair, Transaction, sendAndConfirmTransaction } = require("@solana/web3.js");
const sdk = require("@pump-fun/pump-sdk");
const spl = require("@solana/spl-token");
const BN = require("bn.js");

const SOL = 1_000_000_000;
const AMOUNT = new BN("1000000000000");
const SUPPLY = new BN("1000000000000000");
const [, , url, wsEndpoint] = process.argv;

async function main() {
  const connection = new Connection(url, { commitment: "confirmed", wsEndpoint });
  const user = Keypair.generate();
  const mint = Keypair.generate();
  const curve = sdk.bondingCurvePda(mint.publicKey);
  const signature = await connection.requestAirdrop(user.publicKey, 100 * SOL);
  await connection.confirmTransaction({ signature, ...(await connection.getLatestBlockhash()) });

  const logged = [];
  const lamports = [];
  connection.onLogs(sdk.PUMP_PROGRAM_ID, ({ err, logs }) => err || logged.push(...events(logs)), "confirmed");
  connection.onAccountChange(curve, (account) => lamports.push(account.lamports), { commitment: "confirmed" });

  const global = sdk.PUMP_SDK.decodeGlobal(await connection.getAccountInfo(sdk.GLOBAL_PDA));
  const quote = { global, feeConfig: null, mintSupply: SUPPLY };
  const own = { user: user.publicKey, mint: mint.publicKey, feeRecipient: global.feeRecipient };
  const send = (...parts) => sendAndConfirmTransaction(connection, new Transaction().add(...parts), [user]);
  const bondingCurve = async () => sdk.PUMP_SDK.decodeBondingCurve(await connection.getAccountInfo(curve));
  const cost = async () => sdk.getBuySolAmountFromTokenAmount({ ...quote, bondingCurve: await bondingCurve(), amount: AMOUNT });

  const create = await sdk.PUMP_SDK.createInstruction({
    mint: mint.publicKey, name: "Tulip", symbol: "TLP", uri: "https://example.org",
    creator: user.publicKey, user: user.publicKey,
  });
  await sendAndConfirmTransaction(connection, new Transaction().add(create), [user, mint]);

  const held = spl.getAssociatedTokenAddressSync(mint.publicKey, user.publicKey, true);
  const open = spl.createAssociatedTokenAccountIdempotentInstruction(user.publicKey, held, user.publicKey, mint.publicKey);
  const buy = (solAmount) => sdk.PUMP_SDK.getBuyInstructionRaw({ ...own, creator: user.publicKey, amount: AMOUNT, solAmount });
  // The creator's first fee also makes the vault rent-exempt, which the SDK's quote leaves out.
  await send(open, await buy((await cost()).addn(1_000_000)));
  const exact = await cost();
  await send(await buy(exact));

  const half = AMOUNT.divn(2);
  const output = sdk.getSellSolAmountFromTokenAmount({ ...quote, bondingCurve: await bondingCurve(), amount: half });
  const sell = await sdk.PUMP_SDK.getSellInstructionRaw({
    ...own, creator: user.publicKey, amount: half, solAmount: output,
    tokenProgram: spl.TOKEN_PROGRAM_ID, cashback: false,
  });
  const sold = await send(sell);

  let refusal = "";
  try {
    await send(await buy((await cost()).subn(1)));
  } catch (error) {
    refusal = `${error.constructor.name}: ${(error.logs || []).join(" ")}`;
  }
  while (logged.length < 4 || lamports.length < 4) await new Promise((done) => setTimeout(done, 20));

  const parsed = await connection.getParsedTransaction(sold, { maxSupportedTransactionVersion: 0, commitment: "confirmed" });
  const block = await connection.getBlock(parsed.slot, { maxSupportedTransactionVersion: 0, commitment: "confirmed" });
  const owned = await connection.getParsedTokenAccountsByOwner(user.publicKey, { programId: spl.TOKEN_PROGRAM_ID });
  return {
    logged,
    refusal,
    accountChanges: lamports.length,
    blockTransactions: block.transactions.length,
    innerGroups: parsed.meta.innerInstructions.length,
    held: owned.value.map((row) => row.account.data.parsed.info.tokenAmount.amount),
    balance: (await connection.getTokenAccountBalance(held)).value.uiAmountString,
    history: (await connection.getSignaturesForAddress(curve)).length,
    curves: (await connection.getProgramAccounts(sdk.PUMP_PROGRAM_ID, { filters: [{ dataSize: 151 }] })).length,
  };
}

/** Events of data lines, decoded by the official SDK. */
function events(logs) {
  const bytes = logs.filter((line) => line.startsWith("Program data: ")).map((line) => Buffer.from(line.slice(14), "base64"));
  return bytes.map((raw) => {
    if (raw[0] !== 189) return `create ${sdk.PUMP_SDK.decodeCreateEventBc(raw.subarray(8)).name}`;
    const trade = sdk.PUMP_SDK.decodeTradeEventBc(raw.subarray(8));
    return `${trade.isBuy ? "buy" : "sell"} ${trade.tokenAmount}`;
  });
}

main().then(
  (seen) => {
    process.stdout.write(JSON.stringify(seen));
    process.exit(0);
  },
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
