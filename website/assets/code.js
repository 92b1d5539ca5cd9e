// A word with a hyphen, such as --shard or great-wave, stays in one line where a command is wrapped.
for (const code of document.querySelectorAll(".language-sh code")) {
  const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (texts.nextNode()) nodes.push(texts.currentNode);
  for (const node of nodes) {
    const parts = node.data.split(/(\S*-\S*)/); // such words are at odd places
    const words = parts.map((part, place) => {
      if (place % 2 === 0) return part;
      const word = document.createElement("span");
      word.className = "word";
      word.textContent = part;
      return word;
    });
    node.replaceWith(...words);
  }
}
