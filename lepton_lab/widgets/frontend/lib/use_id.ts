// An id for `aria-describedby`: Preact counts anew in every widget of a page, and there may be many.
import { useState } from "preact/hooks";

const origin = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
let made = 0;

export const useId = (): string => useState(() => `ll-${origin}-${++made}`)[0];
