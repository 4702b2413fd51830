/** Blocks the event loop, whatever else the machine does. */

/** Keeps this thread busy until it has used `ms` of the processor. */
export function burn(ms: number): void {
  const used = (): number => {
    const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
    return (user + system) / 1_000
  }
  const until = used() + ms
  while (used() < until);
}
