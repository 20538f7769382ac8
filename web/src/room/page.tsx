// The three arrangements of a room. The stage is the first child in each, so that
// the <video> lives through a turn of the phone.
import { t } from "../lib/i18n";
import { IconButton, Toasts } from "../lib/ui";
import { BagButton, BagSheet, SidePanel } from "./bag-view";
import { ChatLog, Composer, NickSheet } from "./chat-view";
import { CheckoutSheet } from "./checkout-view";
import { layout } from "./layout";
import { PinnedCard } from "./product-view";
import { openShare, ShareSheet } from "./share-view";
import { phase } from "./show";
import { Stage, TopBar } from "./stage-view";
import { Strip } from "./strip-view";

/** Page is everything a viewer sees. */
export function Page() {
  const arrangement = layout.value;
  return (
    <main class="room" data-layout={arrangement} data-phase={phase.value}>
      <Stage>
        <TopBar>{arrangement !== "phone" && <Tools />}</TopBar>
        <Strip />
        {arrangement !== "phone" && <PinnedCard />}
      </Stage>
      {arrangement === "phone" && phase.value !== "gone" && <Front />}
      {arrangement === "rail" && <SidePanel tabs={["chat", "products", "bag", "orders"]} chat={<Talk />} />}
      {arrangement === "wide" && (
        <>
          <SidePanel tabs={["products", "bag", "orders"]} />
          <section class="talk-column" aria-label={t("room.chat.title")}>
            <h2>{t("room.chat.title")}</h2>
            <Talk />
          </section>
        </>
      )}
      {arrangement === "phone" && <BagSheet />}
      <CheckoutSheet />
      <ShareSheet />
      <NickSheet />
      <Toasts />
    </main>
  );
}

function Front() {
  return (
    <div class="front">
      <ChatLog />
      <PinnedCard />
      <div class="bar">
        <Composer />
        <Tools />
      </div>
    </div>
  );
}

function Talk() {
  return (
    <>
      <ChatLog />
      <Composer />
    </>
  );
}

function Tools() {
  return (
    <>
      <IconButton
        icon="share"
        label={t("room.share")}
        class="on-glass"
        onClick={() => void openShare()}
        data-testid="share"
      />
      <BagButton />
    </>
  );
}
