import { count } from "../../lib/format";

// Words of the workbench.
export const workbench = {
  name: (project: string) => `Lepton Lab workbench, project ${project}`,
  tabs: { data: "Data", network: "Network", train: "Train", inspect: "Inspect", evaluate: "Evaluate", runs: "Runs" },
  tablist: "Workbench",
  samples: (name: string, n: number) => `${name}, ${count(n)} training samples`,
  noData: "no data yet",
  saved: "saved",
  loading: "Loading the data …",
  training: "a run is training",
  fine: "nothing to mend",
  mend: (reason: string) => `to mend: ${reason}`,
  choose: "What shall the network learn from?",
  chooseDetail:
    "Take one of the data sets below, or hand your own to the workbench in a cell: Workbench(project, data=ll.load_images(\"folder or zip\")), ll.load_table(\"file.csv\"), ll.load_text(…).",
  dataset: "Data set",
  use: "Use this data set",
  train: "Train",
  another: "Train another",
  starting: "Starting …",
  settings: "Settings of the next run",
  fields: {
    epochs: "Epochs",
    batch_size: "Batch size",
    lr: "Learning rate",
    optimizer: "Optimizer",
    schedule: "Schedule",
    probes: "Look inside while it trains",
  },
  constant: "constant",
  probesHelp: "gradients and activations of each layer, at 3 % of the time at most",
  hint: {
    none: "Nothing has been trained yet",
    train: "Press Train, and the curves of loss and accuracy are drawn here while the network learns.",
    evaluate: "Once a network was trained, its scores, its confusion matrix and its worst mistakes are shown here.",
    toTrain: "Go to Train",
  },
} as const;
