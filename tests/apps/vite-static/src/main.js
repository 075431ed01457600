const greeting = import.meta.env.VITE_GREETING

document.getElementById('app').textContent = `${location.pathname} says ${greeting}`
