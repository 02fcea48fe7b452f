// English of TryIt. `sure` and `best` are shares written out ("98.6 %"), numbers come formatted.

/** "a 3", "an 8"; “cat” for what is no number. */
function thing(name: string): string {
  if (!/^\d+$/.test(name)) return `“${name}”`;
  return /^(8|11|18|8\d*)$/.test(name) ? `an ${name}` : `a ${name}`;
}

export const tryIt = {
  label: "Try it",
  give: "Give it",
  modes: {
    draw: "Draw",
    upload: "Upload",
    camera: "Camera",
    example: "From the data",
    form: "Fill in",
    rows: "Many rows",
    text: "Type",
  } as Record<string, string>,

  // which weights answer
  live: (step: string) => `live, step ${step}`,
  paused: (step: string) => `paused, step ${step}`,
  begins: "about to begin",
  best: (epoch: string) => `best weights, round ${epoch}`,
  bestTitle: "The weights of the round (epoch) that did best on samples it has never seen",
  last: (epoch: string) => `trained, round ${epoch}`,
  lastTitle: "The weights of the last round (epoch)",
  saved: (step: string) => `saved at step ${step}`,
  savedTitle: "The weights that were saved last (checkpoint); newer ones follow",
  module: "ready",
  notTrained: "not trained yet",
  guesses: "It has not learnt yet: it guesses.",
  guessesNext: "Once it trains, the answer changes here by itself.",

  // where nothing is
  nothing: "Nothing to try yet",
  nothingNext: "Choose data and train a network; then draw, photograph or type here, and it answers.",
  reading: "Reading the data",
  noNetwork: "No network has learnt yet",
  noNetworkNext: "Start the training: the answer appears here, and gets better while it trains.",
  waiting: "The answer comes here.",

  // drawing
  sheet: (drawn: boolean) =>
    `Drawing area. ${drawn ? "Something is drawn." : "Nothing is drawn."} Draw with mouse, finger or pen; or with the arrow keys, Shift held down to draw.`,
  drawHere: "Draw here",
  sees: "it sees",
  size: (width: number, height: number) => `${width} × ${height}`,
  undo: "Undo stroke",
  undoWhy: "Nothing is drawn yet",
  clear: "Clear",
  pen: "Pen",
  penLabel: "Width of the pen",
  askDraw: "Draw something: it answers while you draw.",

  // upload and camera
  drop: "Drop a picture here, or paste one",
  dropSound: "Drop a recording (.wav) here",
  choose: "Choose a picture",
  chooseSound: "Choose a recording",
  chosen: (name: string) => `Your picture ${name}`,
  tidy: "Cut out the drawing and centre it, as in the training pictures",
  askUpload: "Choose a picture, and it says what it sees.",
  askSound: "Choose a recording, and it says what it hears.",
  camera: "Camera picture",
  start: "Start the camera",
  stop: "Stop",
  snap: "Take a picture",
  goLive: "Look all the time",
  askCamera: "Start the camera and hold something in front of it.",
  cameraDenied: {
    title: "The browser did not allow the camera",
    detail: "Allow it in the address bar, then start again.",
    fix: "",
  },
  cameraNone: { title: "No camera was found", detail: "Plug one in, or upload a picture.", fix: "" },
  cameraInsecure: {
    title: "The browser gives no camera to this page",
    detail: "It does so on this machine's own address (localhost) and over https only.",
    fix: "Upload a picture instead.",
  },
  cameraBroken: (detail: string) => ({ title: "The camera does not start", detail, fix: "Another program may be using it." }),

  // samples of the data
  another: "Another one",
  className: "Class",
  anyClass: "any",
  askExample: "Take one from the data, and see whether it is right.",
  exampleOf: "A sample of the data",
  held: "It has never learnt from this one.",
  learnt: "It has learnt from this one: there are no others.",
  right: (name: string) => `Right: it is ${thing(name)}.`,
  wrong: (name: string) => `Wrong: it is ${thing(name)}.`,
  truth: (text: string) => `In truth ${text}.`,
  fill: "Fill in one from the data",
  typeOne: "Take one from the data",

  // form and text
  form: "One row",
  range: (low: string, high: string) => `${low} to ${high}`,
  outside: (low: string, high: string) => `It has only seen ${low} to ${high}`,
  unknown: "not known",
  reset: "Usual values",
  slide: (name: string) => `${name}, slider`,
  text: "Your text",
  textHint: "Type or paste a text",
  askText: "Type something: it answers while you type.",
  known: (known: number, words: number) => `It knows ${known} of its ${words} words.`,

  // rows
  dropRows: "Drop a table here (CSV, TSV or Parquet) with the same columns as the data",
  chooseRows: "Choose a table",
  rowsOf: (name: string) => `Answers for the rows of ${name}`,
  rowsDone: (count: string, shown: string) => (count === shown ? `${count} rows answered.` : `${count} rows answered, the first ${shown} shown.`),
  rowsRight: (right: string, count: string, share: string) => `${right} of ${count} agree with the table's own column (${share}).`,
  rowsLeftOut: (n: number) => `${n} more columns are in the file.`,
  takeRows: "Download as CSV",
  rowsAsk: "Choose a table: every row is answered, and you can take the answers away.",
  answering: "Asking",

  // the answer
  sure: (share: string, name: string) => `It is ${share} sure this is ${thing(name)}.`,
  says: (name: string) => `The answer is ${name || "none"}`,
  next: (name: string, share: string) => `Next is ${name} with ${share}.`,
  spoken: (share: string) => share.replace("> ", "more than ").replace("< ", "less than "),
  unsure: (share: string, name: string) => `It is not sure: most likely ${thing(name)}, ${share}.`,
  labels: (names: readonly string[]) => (names.length ? `It says: ${names.join(", ")}.` : "It says: none of them."),
  labelsNext: "What it finds more likely than not.",
  value: (name: string) => (name ? `${name}, as it estimates` : "as it estimates"),
  seenRange: (low: string, high: string) => `In the data it lies between ${low} and ${high}.`,
  probabilities: "Probability of each class",
  likelihoods: "How likely each label is",
  estimates: "Estimates",
  place: (share: string) => `${share} of the way from the smallest to the largest in the data`,
  tooSmall: "< 0.1 %",
  top: (shown: number, count: number) => `The ${shown} most likely of ${count}.`,
  search: "Find a class",
  noClass: "No class is called so.",
  adds: "Probabilities add up to 100 %.",
  single: "Each label is judged by itself.",
  answered: (ms: string) => `Answered in ${ms} ms`,
  changes: "changes as the network learns",
} as const;
