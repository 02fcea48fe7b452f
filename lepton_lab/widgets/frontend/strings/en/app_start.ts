// The start page: all English of its front end.
import { count } from "../../lib/format";

export const app_start = {
  title: "What should the network learn from?",
  lead: "Pick one. The rest has sensible settings, so three clicks lead to a network that trains, and everything can be changed later.",

  example: "An example",
  exampleLead: "Ready to train, small enough to watch.",
  choose: "Choose an example",
  seconds: (s: number) => `≈ ${s < 10 ? Math.max(1, Math.round(s)) : s < 60 ? 5 * Math.round(s / 5) : Math.round(s / 60)} ${s < 60 ? "s" : "min"}`,
  known: "Times are for this machine.",
  measuring: "The times are being measured on this machine.",
  loading: "Reading the data …",

  images: "My images",
  imagesLead: "Photos or drawings, sorted into one folder per class.",
  dropImages: "Drop a folder or a zip here",
  dropImagesLabel: "Drop a folder or a zip file here",
  enough: "ten images per class are enough to begin",
  chooseImages: "Choose images",
  chooseFolder: "Choose a folder",
  imagesInput: "Files: images or a zip",
  folderInput: "Files: a folder of images",
  camera: "Camera",
  imagesLimit: "JPEG, PNG, WebP, up to 2 GB.",
  classes: ["apple/", "pear/", "plum/"],
  reading: (n: number) => `Reading the folder … ${count(n)} files`,

  table: "My table",
  tableLead: "Rows of numbers and words. You pick the column to predict.",
  dropTable: "Drop a table here",
  gaps: "gaps and mixed columns are shown before anything is trained",
  chooseTable: "Choose a file",
  tableInput: "File: a table",
  paste: "Paste",
  tableLimit: "CSV or Parquet, up to 500 MB.",
  columns: ["area, m²", "rooms", "built", "sold"],
  rows: [["84.0", "3", "1974", "yes"], ["46.5", "2", "2003", "no"], ["120.0", "5", "missing", "yes"], ["63.2", "3", "1998", "yes"]],
  missing: "missing",

  goOn: "Go on with",
  all: (n: number) => (n === 1 ? "My work" : `All ${count(n)} projects`),
  none: "What you begin is kept here, and goes on even when this page is closed.",
  stays: "Everything stays on this machine.",
  workspace: "Workspace",
} as const;
