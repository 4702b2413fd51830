/** The package ioredis, or the words for whoever has not installed it. */

import type * as Package from 'ioredis'

const INSTALL = 'npm install ioredis@^6.0.0'

async function load(): Promise<typeof Package> {
  try {
    return await import('ioredis')
  } catch (error) {
    throw new Error(
      `plainsight/redis needs the package ioredis, which cannot be loaded here; run: ${INSTALL}`,
      { cause: error },
    )
  }
}

export const ioredis: typeof Package = await load()
