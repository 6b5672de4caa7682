// Confirming is possible once all four comparisons are ticked; the server insists on it anyway.
const boxes = [...document.querySelectorAll('.verdict input[type=checkbox]')];
const confirm = document.getElementById('confirm');
const why = document.getElementById('why');
const update = () => {
  const left = boxes.filter((b) => !b.checked).length;
  confirm.disabled = left > 0;
  why.textContent = left > 0 ? `Confirming needs all four comparisons; ${left} to go.` : 'All four compared.';
};
if (confirm) {
  boxes.forEach((b) => b.addEventListener('change', update));
  update();
}
