// The kinds of registries an endpoint can be of, as people call them.
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";

/** A kind the server has and this list has not is called as the server calls it. */
const NAMES: Record<string, string> = {
  "ali-acr": "Alibaba Cloud ACR",
  "aws-ecr": "Amazon ECR",
  "azure-acr": "Azure ACR",
  "docker-hub": "Docker Hub",
  "docker-registry": "Docker Registry",
  "github-ghcr": "GitHub GHCR",
  "google-gcr": "Google GCR / Artifact Registry",
  harbor: "Harbor / Roadstead",
  "jfrog-artifactory": "JFrog Artifactory",
  quay: "Quay",
};

export function providerName(type: string): string {
  return NAMES[type] ?? type;
}

export function ProviderName({ type }: { type: string }) {
  return (
    <Text span size="sm">
      {providerName(type)}
    </Text>
  );
}

/** What a form should suggest for each kind. */
export function useProviders() {
  return useQuery({
    queryKey: ["providers"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => body(api.GET("/api/v2.0/replication/adapterinfos")),
  }).data;
}
