// The page: reads the place from the address, follows the workspace as the acting person, draws.

import { drawRail, drawTop, showRail } from "./frame.js";
import { follow, post } from "./live.js";
import { followView } from "./modal.js";
import { toast } from "./overlay.js";
import { drawPane, drawThread } from "./panes.js";
import { channel, go, placeInAddress, placeOfLink, takeIn, workspace } from "./workspace.js";

const at = (id) => document.getElementById(id);
let followed = null; // the person whose workspace is followed
let link = null; // the way to the server for that person
let linked = false;
let told = null; // how many failures were shown as toasts; null until the first state
let homeOf = null; // whose Home tab was opened last

function draw() {
  if (!workspace.state || workspace.state.me !== (placeInAddress().as ?? workspace.state.me)) return;
  const place = placeInAddress();
  drawTop(at("top"), { linked });
  drawRail(at("rail"), place);
  drawPane(at("pane"), place);
  drawThread(at("thread"), place);
  at("workspace").classList.toggle("with-thread", !at("thread").hidden);
  followView(workspace.state.view);
  tellFailures(workspace.state.failures ?? []);
  const here = channel(place.channel);
  document.title = `${here ? here.name : workspace.bot.name} · Signoff sandbox`;
  document.body.dataset.me = workspace.me.name; // for tests: the person whose workspace is on the screen
}

function tellFailures(failures) {
  failures.slice(told ?? failures.length).forEach(({ text }) => toast(text));
  told = failures.length;
}

function onState(state) {
  takeIn(state);
  followed ||= state.me;
  const { as, channel: place } = placeInAddress();
  const found = place === "app" ? workspace.appChannel?.id : (place ?? state.backstage?.tour.channel ?? state.channels[0]?.id);
  if (as && place === found) draw();
  else go({ as: as ?? state.me, channel: found }); // the new address draws
}

function followAddress() {
  const { as, channel: place } = placeInAddress();
  if ((as ?? "") !== followed) {
    link?.leave();
    followed = as ?? "";
    told = null;
    link = follow(as, {
      looksAt: () => placeInAddress().channel,
      onState,
      onStranger: () => (location.hash = "#/"), // a new workspace has new ids: begin anew in it
      onLink: (up) => {
        linked = up;
        draw();
      },
    });
  } else link.read(); // the channel that is now on the screen counts as read
  if (place === "home" && as && homeOf !== as) {
    homeOf = as;
    openHome(as);
  } else if (place !== "home") homeOf = null;
  draw();
}

async function openHome(as) {
  const answer = await post("home", { as });
  if (!answer.ok) toast(answer.error ?? "The Home tab could not be opened.");
}

// A link to a message of this workspace leads there, in this window.
document.addEventListener("click", (event) => {
  const place = placeOfLink(event.target.closest?.("a[href]")?.href ?? "about:blank");
  if (!place) return;
  event.preventDefault();
  go(place);
});
window.addEventListener("hashchange", () => {
  showRail(false);
  followAddress();
});
window.addEventListener("redraw", draw);
setInterval(draw, 60_000); // "2 minutes ago" grows older by itself
followAddress();
