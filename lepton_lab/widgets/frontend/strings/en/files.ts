// Words of the way of files into the app.
export const files = {
  lost: "The files did not arrive.",
  lostFix: "See whether the app is still running, then choose the files once more",
  unreadable: (name: string) => `${name} cannot be read any more.`,
  unreadableFix: "See whether it was moved or changed, then choose the files once more",
  none: "There was no file in it.",
  noneFix: "Choose a folder with files",
  refused: "The files could not be taken.",
  again: "Try again",
} as const;
