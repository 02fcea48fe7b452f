// Words that several widgets use.
export const common = {
  late: "The kernel does not answer",
  lateDetail: "It may be busy, restarting or gone. The order is kept and sent again; nothing is lost.",
  close: "Close",
  cancel: "Cancel",
  more: (name: string) => `More for ${name}`,
  because: (reason: string) => `Not possible now: ${reason}`,
  noPart: "This part cannot be shown",
} as const;
