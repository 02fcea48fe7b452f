// Icons of 16 × 16 with lines of 1.5 px, by name; the second half are glyphs of layer groups.

const shapes = {
  ok:
    '<circle cx="8" cy="8" r="6.25"/><path d="M5.2 8.2l2 2 3.6-4.2"/>',
  bad:
    '<path d="M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4z"/><path d="M8 4.8v4"/><path d="M8 11.1v.1"/>',
  warn:
    '<path d="M8 2.2l6.2 11.3H1.8z"/><path d="M8 6.6v3.2"/><path d="M8 11.6v.1"/>',
  search:
    '<circle cx="7" cy="7" r="4.5"/><path d="M10.4 10.4L14 14"/>',
  undo:
    '<path d="M3 6h6.5a3.5 3.5 0 010 7H6"/><path d="M5.8 3.2L3 6l2.8 2.8"/>',
  redo:
    '<path d="M13 6H6.5a3.5 3.5 0 000 7H10"/><path d="M10.2 3.2L13 6l-2.8 2.8"/>',
  plus:
    '<path d="M8 3v10M3 8h10"/>',
  right:
    '<path d="M6 3.5L10.5 8 6 12.5"/>',
  down:
    '<path d="M3.5 6L8 10.5 12.5 6"/>',
  play:
    '<path d="M4.5 2.8v10.4L13 8z"/>',
  pause:
    '<path d="M5.2 3v10M10.8 3v10"/>',
  step:
    '<path d="M3.5 3v10L10 8z"/><path d="M12.5 3v10"/>',
  stop:
    '<path d="M3.5 3.5h9v9h-9z"/>',
  fork:
    '<circle cx="4.5" cy="3.5" r="1.7"/><circle cx="4.5" cy="12.5" r="1.7"/><circle cx="11.5" cy="5.5" r="1.7"/><path d="M4.5 5.2v5.6M11.5 7.2c0 2.6-7 1.6-7 3.6"/>',
  star:
    '<path d="M8 2l1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z"/>',
  more:
    '<path d="M3.2 8v.1M8 8v.1M12.8 8v.1" stroke-width="2.4"/>',
  help:
    '<circle cx="8" cy="8" r="6.25"/><path d="M6.2 6.3a1.9 1.9 0 113 1.5c-.8.5-1.2.8-1.2 1.6"/><path d="M8 11.6v.1"/>',
  drag:
    '<path d="M6 3.5v.1M10 3.5v.1M6 8v.1M10 8v.1M6 12.5v.1M10 12.5v.1" stroke-width="2"/>',
  camera:
    '<path d="M2 5h3l1.2-2h3.6L11 5h3v8H2z"/><circle cx="8" cy="8.8" r="2.4"/>',
  upload:
    '<path d="M8 10.5V2.5M4.8 5.5L8 2.5l3.2 3M2.5 10.5v3h11v-3"/>',
  download:
    '<path d="M8 2.5v8M4.8 7.5L8 10.5l3.2-3M2.5 10.5v3h11v-3"/>',
  pen:
    '<path d="M2.8 13.2l.7-3L11 2.7l2.3 2.3-7.5 7.5z"/>',
  note:
    '<path d="M3 2.5h10v8L10 13.5H3z"/><path d="M5.5 6h5M5.5 9h3"/>',
  theme:
    '<circle cx="8" cy="8" r="5.75"/><path d="M8 2.25a5.75 5.75 0 010 11.5z" fill="currentColor"/>',
  folder:
    '<path d="M2 4h4l1.5 1.5H14V13H2z"/>',
  table:
    '<path d="M2 3h12v10H2zM2 6.5h12M2 9.8h12M6.5 3v10"/>',
  close:
    '<path d="M4 4l8 8M12 4l-8 8"/>',
  grid:
    '<path d="M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9H7v4.5H2.5zM9 9h4.5v4.5H9z"/>',
  pin:
    '<path d="M5.5 2.5h5l-.8 5 2.3 2.3H4l2.3-2.3z"/><path d="M8 9.8v4"/>',
  conv:
    '<path d="M2 2h12v12H2z" opacity=".45"/><path d="M2 2h7v7H2z"/>',
  pool:
    '<path d="M1.5 3.5h6v9h-6z" opacity=".45"/><path d="M11 6h3.5v4H11z"/><path d="M8.6 8h1.2"/>',
  dense:
    '<path d="M4 3v.1M4 8v.1M4 13v.1M12 5v.1M12 11v.1" stroke-width="2.6"/><path d="M4 3l8 2M4 3l8 8M4 8l8-3M4 8l8 3M4 13l8-8M4 13l8-2" stroke-width=".8"/>',
  act:
    '<path d="M1.5 12H8l5.5-8.5"/>',
  norm:
    '<path d="M1.5 12.5c3.5 0 4-9 6.5-9s3 9 6.5 9"/>',
  drop:
    '<path d="M4 4v.1M12 4v.1M4 12v.1M8 8v.1" stroke-width="2.6"/><path d="M10.8 10.8l2.4 2.4M13.2 10.8l-2.4 2.4" stroke-width="1.2"/>',
  block:
    '<path d="M5 4.5h7v7H5z"/><path d="M2 1.5v13M2 2.5h5.5v2M2 13.5h5.5v-2"/>',
  flat:
    '<path d="M2 4h4v8H2zM4 4v8M2 8h4" opacity=".7"/><path d="M8 8h2.5M12.5 2v12"/>',
  io:
    '<path d="M2 8h8M7 4.8L10.2 8 7 11.2M13 2.5v11"/>',
  seq:
    '<circle cx="8" cy="8" r="2.5"/><path d="M2 8h3.5M10.5 8H14M8 5.5C8 2 12.5 2 12.5 5"/>',
  emb:
    '<path d="M2 3h12M2 8h12M2 13h12" opacity=".45"/><path d="M2 8h6"/>',
  check: '<path d="M3.5 8.5l3 3 6-7"/>',
  up: '<path d="M3.5 10L8 5.5 12.5 10"/>',
  left: '<path d="M10 3.5L5.5 8 10 12.5"/>',
  copy: '<path d="M5.5 5.5h8v8h-8z"/><path d="M10.5 5.5v-3h-8v8h3"/>',
  trash: '<path d="M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9"/>',
} as const;

export type IconName = keyof typeof shapes;

/** An icon; it says nothing to a screen reader, so the control around it needs its own label. */
export function Icon({ name, class: className }: { name: IconName; class?: string }) {
  return (
    <svg
      class={className}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: shapes[name] }}
    />
  );
}
