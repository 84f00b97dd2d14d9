// A client of types that were generated from the description: URL FILE RECIPE OUT. Submits a job, waits for it and saves its result.
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

async function main(): Promise<void> {
  const [url, file, transformation, out] = process.argv.slice(2) as [string, string, string, string];
  const key = process.env.AZULEJO_KEY;
  const client = createClient<paths>({
    baseUrl: url,
    headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
  });

  const image = new Blob([new Uint8Array(await readFile(file))]);
  const accepted = await client.POST("/process", {
    body: { file: "", transformation },
    bodySerializer: body => {
      const form = new FormData();
      form.append("transformation", body.transformation);
      form.append("file", image, "image.png");
      return form;
    },
  });
  if (accepted.data === undefined) {
    const error: components["schemas"]["Error"] = accepted.error;
    throw new Error(`${error.code}: ${error.detail}`);
  }
  const id: string = accepted.data.job_id;

  for (;;) {
    const { data, response } = await client.GET("/job/{id}/progress", { params: { path: { id } } });
    if (data === undefined) throw new Error(`no progress: ${response.status}`);
    const status = response.headers.get("azulejo-job-status");
    if (status === "completed") break;
    if (status !== "processing") throw new Error(`the job is ${status}`);
    await setTimeout(100);
  }

  const job = await client.GET("/job/{id}", { params: { path: { id } } });
  if (job.data === undefined) throw new Error("no job");
  if (job.data.progress.completed !== accepted.data.total_tiles) throw new Error("tiles are missing");

  const result = await client.GET("/download/{id}", { params: { path: { id } }, parseAs: "arrayBuffer" });
  if (result.data === undefined) throw new Error("no result");
  await writeFile(out, new Uint8Array(result.data));

  const unknown = await client.GET("/job/{id}", {
    params: { path: { id: "00000000-0000-0000-0000-000000000000" } },
  });
  if (unknown.error?.code !== "job_not_found") throw new Error("a job that is none is found");
  console.log(id);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
