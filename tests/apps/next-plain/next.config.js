module.exports = {
  poweredByHeader: false,
}
