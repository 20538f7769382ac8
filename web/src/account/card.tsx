import type { ComponentChildren } from "preact";
import { readBoot } from "../lib/boot";
import { Icon, type IconName, LangSwitch } from "../lib/ui";

const brand = readBoot().brand.name;

/** Card is the frame of every account page: brand, one heading, one thing to do. */
export function Card({
  title,
  icon,
  children,
}: {
  title: string;
  icon?: IconName;
  children: ComponentChildren;
}) {
  return (
    <main class="page">
      <section class="card">
        <header class="card-top">
          <p class="brand">{brand || "Shopcast"}</p>
          <LangSwitch />
        </header>
        <h1 class={icon ? "has-icon" : ""}>
          {icon && <Icon name={icon} />}
          {title}
        </h1>
        {children}
      </section>
    </main>
  );
}
