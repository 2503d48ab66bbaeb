// The page of a network over time: a slider through its steps.

begin(async () => {
  const model = await networkOfPage(), { steps } = model.about;
  const timeline = makeTimeline(model);
  timeline.go(steps.length - 1);
  const network = makeNetwork(model);
  const slider = document.getElementById("step"), label = document.getElementById("step-said");
  slider.max = steps.length - 1;

  const tell = (at) => {
    slider.value = at;
    slider.setAttribute("aria-valuetext", steps[at].text);
    label.textContent = steps[at].text;
  };
  const go = (at) => { timeline.go(at); tell(at); network.changed(); };
  slider.addEventListener("input", () => go(Number(slider.value)));
  for (const button of document.querySelectorAll("button[data-step]")) {
    button.addEventListener("click", () => {
      go(Number(button.dataset.step));
      slider.scrollIntoView({ block: "nearest" });
    });
  }
  tell(steps.length - 1);
  await finish();
}, "view-said");
