/** The input of every benchmark's tasks. */

export interface Mail {
  readonly userId: number
  readonly to: string
}

export function mailTo(userId: number): Mail {
  return { userId, to: 'ada@example.com' }
}

/** The sum of the user ids of the first `count` mails: proof that each body got its input. */
export function sumOfMails(count: number): number {
  return (count * (count - 1)) / 2
}
