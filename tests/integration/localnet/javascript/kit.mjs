// @solana/kit against our node. Usage: node kit.mjs RPC WS
// Prints one JSON object with what it saw; the test judges.
import {
  address, airdropFactory, appendTransactionMessageInstruction, createSolanaRpc, createSolanaRpcSubscriptions,
  createTransactionMessage, generateKeyPairSigner, getSignatureFromTransaction, lamports, pipe,
  sendAndConfirmTransactionFactory, setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash, signTransactionMessageWithSigners,
} from "@solana/kit";

const [, , url, ws] = process.argv;
const SYSTEM = address("11111111111111111111111111111111");
const CONFIRMED = { commitment: "confirmed" };
const rpc = createSolanaRpc(url);
const rpcSubscriptions = createSolanaRpcSubscriptions(ws);

const [me, other] = await Promise.all([generateKeyPairSigner(), generateKeyPairSigner()]);
await airdropFactory({ rpc, rpcSubscriptions })({ ...CONFIRMED, lamports: lamports(5_000_000_000n), recipientAddress: me.address });

const abort = new AbortController();
const first = async (subscription) => {
  for await (const told of await subscription.subscribe({ abortSignal: abort.signal })) return told;
};
const logs = first(rpcSubscriptions.logsNotifications({ mentions: [me.address] }, CONFIRMED));
const slot = first(rpcSubscriptions.slotNotifications());
await new Promise((done) => setTimeout(done, 200));

const data = new Uint8Array(12);
data[0] = 2;
new DataView(data.buffer).setBigUint64(4, 1_000_000_000n, true);
const transfer = {
  programAddress: SYSTEM, data,
  accounts: [{ address: me.address, role: 3, signer: me }, { address: other.address, role: 1 }],
};
const { value: blockhash } = await rpc.getLatestBlockhash(CONFIRMED).send();
const message = pipe(
  createTransactionMessage({ version: 0 }),
  (m) => setTransactionMessageFeePayerSigner(me, m),
  (m) => setTransactionMessageLifetimeUsingBlockhash(blockhash, m),
  (m) => appendTransactionMessageInstruction(transfer, m),
);
const transaction = await signTransactionMessageWithSigners(message);
await sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions })(transaction, CONFIRMED);
const signature = getSignatureFromTransaction(transaction);

const refused = async (request) => request.send().then(() => "", (error) => error.message);
const landed = await rpc.getTransaction(signature, { ...CONFIRMED, maxSupportedTransactionVersion: 0, encoding: "json" }).send();
const account = (await rpc.getAccountInfo(other.address, { ...CONFIRMED, encoding: "base64" }).send()).value;
process.stdout.write(JSON.stringify({
  version: landed.version,
  fee: Number(landed.meta.fee),
  status: (await rpc.getSignatureStatuses([signature]).send()).value[0].confirmationStatus,
  loggedSame: (await logs).value.signature === signature,
  slotHasParent: (await slot).parent < (await slot).slot,
  lamports: Number(account.lamports),
  rentEpoch: String(account.rentEpoch),
  slotsInEpoch: Number((await rpc.getEpochInfo().send()).slotsInEpoch),
  withoutVersion: await refused(rpc.getTransaction(signature, { ...CONFIRMED, encoding: "json" })),
  futureBlock: await refused(rpc.getBlock(10n ** 9n, { maxSupportedTransactionVersion: 0 })),
}));
abort.abort();
process.exit(0);
