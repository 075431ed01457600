exports.greeting = (name, port) => `fixture ${name} on port ${port}`
