// `memo`: components that are drawn anew only where one of their properties is another one.
import { Component, type ComponentType, createElement } from "preact";

/** Whether two sets of properties have the same values. */
export function same(a: object, b: object): boolean {
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && Object.is(one[name], other[name]));
}

export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class Same extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props, next);
    }
    override render() {
      return createElement(Inner, this.props as P);
    }
  };
}

/** `next`, with what equals a part of `before` replaced by that part: what did not change stays the same object.
 *
 * Items of lists are paired by their `path` where they have one, else by their place.
 */
export function share<T>(before: unknown, next: T): T {
  if (Object.is(before, next) || typeof next !== "object" || next === null || typeof before !== "object" || before === null) return next;
  if (Array.isArray(next)) {
    if (!Array.isArray(before)) return next;
    const named = new Map(before.map((item) => [item?.path, item]));
    const items = next.map((item, i) => share(item?.path === undefined ? before[i] : named.get(item.path), item));
    return (items.length === before.length && items.every((item, i) => Object.is(item, before[i])) ? before : items) as T;
  }
  if (Array.isArray(before)) return next;
  const [old, parts] = [before as Record<string, unknown>, next as Record<string, unknown>];
  const shared = Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, share(old[name], value)]));
  return (same(old, shared) ? before : shared) as T;
}
