const PATIENCE_MS = 60_000;
const PAUSE_MS = 50;

/** Asks until what is asserted holds; fails with the last refusal when that takes too long. */
export async function eventually(what, ask) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error(`${what}: ${error.message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
