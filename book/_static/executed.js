// The executed notebook of a page, with its figures inside. The link alone leads to one that finds them beside the
// book's pages: what a reader without scripts gets, and one who has opened the book from a folder.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.('a[href*="_executed/"]');
  if (!link || !location.protocol.startsWith("http")) return;
  event.preventDefault();
  let text = await (await fetch(link.href)).text();
  for (const name of new Set(text.match(/\.\.\/_images\/[0-9a-f]{16}\.\w+/g))) {
    const figure = await (await fetch(new URL(name, link.href))).blob();
    const inside = await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.readAsDataURL(figure);
    });
    text = text.replaceAll(name, inside);
  }
  const made = document.createElement("a");
  made.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  made.download = link.href.split("/").pop();
  made.click();
  setTimeout(() => URL.revokeObjectURL(made.href), 60000);
});
