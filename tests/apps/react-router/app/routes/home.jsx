export function loader() {
  return { port: process.env.PORT }
}

export default function Home({ loaderData }) {
  return <p>{`fixture react-router on port ${loaderData.port}`}</p>
}
