// The images door. Synced: stage, upload, found, progress, trouble. Never synced: files that are on their way, camera frames.
import { useEffect, useRef, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Strip } from "../lib/controls";
import { asFailure } from "../lib/embedded";
import { uploadFiles } from "../lib/files";
import { type Chosen, keepPage, takeHanded } from "../lib/handoff";
import type { Failure } from "../lib/link";
import { useOrder, useTrait, useVisible, widget } from "../lib/widget";
import { app_images as t } from "../strings/en/app_images";
import css from "./app_images.css";
import { Bring, Waiting } from "./bring";
import { Camera } from "./camera";
import { rooted } from "./files";
import type { Found, Trouble } from "./found";
import { Review } from "./review";

interface Sending {
  files: Chosen[];
  done: number;
  total: number;
  failure: Failure | null;
}

/** Sends files, and tells the kernel when they are there. What failed is kept, to be sent again. */
function useSending(uploaded: (upload: string) => Promise<unknown>) {
  const [sending, setSending] = useState<Sending | null>(null);
  const ending = useRef<AbortController | null>(null);
  const send = async (files: Chosen[]) => {
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    const end = (ending.current = new AbortController());
    const release = keepPage();
    setSending({ files, done: 0, total, failure: null });
    try {
      const { upload } = await uploadFiles(files, {
        onProgress: (done) => setSending({ files, done, total, failure: null }),
        signal: end.signal,
      });
      await uploaded(upload);
      setSending(null);
    } catch (error) {
      if (end.signal.aborted) setSending(null);
      else setSending({ files, done: 0, total, failure: asFailure(error) });
    } finally {
      release();
    }
  };
  const cancel = () => {
    ending.current?.abort();
    setSending(null);
  };
  return { sending, send, cancel };
}

function App() {
  const order = useOrder();
  const visible = useVisible();
  const [stage] = useTrait<string>("stage");
  const [found] = useTrait<Found>("found"); // empty before the review
  const [progress] = useTrait<{ what?: string; done?: number; total?: number }>("progress");
  const [trouble] = useTrait<Trouble>("trouble");
  const [camera, setCamera] = useState(false);
  const { sending, send, cancel } = useSending((upload) => order("uploaded", { upload }));
  const bring = (files: Chosen[]) => void send(rooted(files, t.untitled));

  useEffect(() => {
    if (!visible) return;
    const handed = takeHanded("images");
    if (!handed) return;
    setCamera(handed.mode === "camera");
    void order("begin_again").then(() => handed.files?.length && bring(handed.files));
  }, [visible]);

  const done = progress.done ?? 0;
  const total = progress.total ?? 0;
  const far = total ? t.of(done, total) : "";
  const share = total ? done / total : null;
  const begin = () => {
    cancel();
    void order("begin_again");
  };

  const content = () => {
    if (sending && !sending.failure) {
      const { files, done: sent, total: all } = sending;
      return <Waiting title={t.sending(files.length)} detail={t.sent(sent, all)} share={all ? sent / all : null} onCancel={cancel} />;
    }
    if (camera) {
      return (
        <Camera
          onBack={() => setCamera(false)}
          onFiles={(files) => {
            setCamera(false);
            void send(files);
          }}
        />
      );
    }
    if (stage === "looking" || stage === "loading") {
      return <Waiting title={progress.what ?? ""} detail={far} share={share} onCancel={() => void order("cancel")} />;
    }
    if (stage === "review" && found.classes) {
      const checking = progress.what && total ? `${progress.what}: ${far}` : "";
      return <Review found={found} checking={checking} order={order} onUse={() => void order("use")} onOthers={begin} />;
    }
    return (
      <>
        <h1>{t.title}</h1>
        <p class="ll-lead">{t.lead}</p>
        <Bring onFiles={bring} onCamera={() => setCamera(true)} />
      </>
    );
  };
  return (
    <main class="ll-app ll-wide im">
      {sending?.failure && (
        <Strip
          kind="danger"
          title={sending.failure.title || t.failed}
          detail={[sending.failure.detail, sending.failure.fix].filter(Boolean).join(" ")}
          actions={<Button label={t.again} onClick={() => void send(sending.files)} />}
          onClose={cancel}
        />
      )}
      {trouble.title && !sending && (
        <Strip kind="danger" title={trouble.title} detail={[trouble.detail, trouble.fix].filter(Boolean).join(" ")} />
      )}
      {content()}
    </main>
  );
}

export default widget(App, "app_images", css, appCss);
