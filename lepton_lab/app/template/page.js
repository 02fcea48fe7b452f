// Runs before anything is drawn: the theme, then what becomes of this page's kernel. Loads nothing from elsewhere.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("lepton-theme");
    } catch {
      return null; // storage may be switched off
    }
  };
  const paint = () => {
    const named = chosen();
    root.dataset.theme = named === "dark" || named === "light" ? named : dark.matches ? "dark" : "light";
  };
  paint();
  dark.addEventListener("change", paint);
  addEventListener("storage", (event) => event.key === "lepton-theme" && paint());

  // what Voila's front end calls
  window.voila_heartbeat = window.voila_process = window.voila_finish = () => undefined;

  const RELOADS = "lepton-reloads";
  const say = (text) => {
    const strip = document.getElementById("shell-strip");
    if (!strip) return;
    strip.textContent = text;
    strip.hidden = !text;
  };
  const tell = (title, detail) => {
    const status = document.getElementById("shell-status");
    if (status) status.textContent = title;
    const place = document.getElementById("shell-detail");
    if (place) place.textContent = detail;
  };

  /** Loads the page again with a new kernel; not for ever, where kernel after kernel dies. */
  const again = () => {
    let times = [];
    try {
      times = JSON.parse(sessionStorage.getItem(RELOADS) ?? "[]").filter((at) => Date.now() - at < 60_000);
      sessionStorage.setItem(RELOADS, JSON.stringify([...times, Date.now()]));
    } catch {
      // without storage it is tried again each time
    }
    if (times.length < 4) location.reload();
    else say("The app's part for this page has stopped several times. Nothing is lost; load the page again to go on.");
  };

  const live = (kernel, base, xsrf) => {
    let wait = 500;
    let leaving = false;
    const listen = () => {
      const address = new URL(`${base}lepton/life/${kernel}`, location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      socket.onmessage = (event) => {
        wait = 500;
        if (JSON.parse(event.data).kernel === "gone") {
          leaving = true;
          again();
        } else say("");
      };
      socket.onclose = () => {
        if (leaving) return;
        if (wait > 500) say("The connection to the app is lost. This page comes back by itself when the app answers again.");
        setTimeout(listen, wait);
        wait = Math.min(wait * 1.6, 4000);
      };
    };
    listen();
    addEventListener("pagehide", () => {
      leaving = true;
      navigator.sendBeacon(`${base}lepton/goodbye/${kernel}`, new URLSearchParams({ _xsrf: xsrf }));
    });
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  };

  const watch = () => {
    const slow = setTimeout(
      () => tell("Getting ready…", "The first page after a start takes a few seconds longer. It opens by itself."),
      2500,
    );
    const stuck = setTimeout(
      () => tell("Still getting ready…", "This takes longer than usual. If nothing changes, load the page again."),
      20_000,
    );
    let since = 0; // when the frame of the app was there, without its page
    const done = new MutationObserver(() => {
      const root = document.querySelector("#rendered_cells .ll-root");
      if (!root?.firstElementChild) return;
      if (root.querySelector(".ll-app-frame") && !root.querySelector("main")) {
        since ||= performance.now();
        if (performance.now() - since < 4000) return;
      }
      done.disconnect();
      clearTimeout(slow);
      clearTimeout(stuck);
      document.getElementById("shell")?.remove();
      performance.mark("lepton-drawn");
    });
    done.observe(document.body, { childList: true, subtree: true, characterData: true });
  };

  const begin = new MutationObserver(() => {
    if (!document.body) return;
    begin.disconnect();
    if (document.getElementById("token")) return;
    watch();
  });
  begin.observe(root, { childList: true });
  addEventListener("DOMContentLoaded", () => {
    const failed = document.getElementById("shell-failed");
    if (failed) return tell("The app could not start", failed.textContent);
    const config = document.getElementById("jupyter-config-data");
    const { baseUrl, xsrf } = document.body.dataset;
    if (config) live(JSON.parse(config.textContent).kernelId, baseUrl, xsrf);
  });
})();
