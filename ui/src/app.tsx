// The pages and their addresses: Harbor's, where Harbor has the page. Each page is loaded when it is opened.
import { Center, Loader } from "@mantine/core";
import { type ComponentType, lazy, Suspense } from "react";
import { Navigate, Route, Routes, useLocation } from "react-router";
import { useMe } from "./session";
import { Shell } from "./shell/shell";

/** The page that a module has under that name. */
function pageOf<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  return lazy(async () => ({ default: (await load())[name] }));
}

const SignIn = pageOf(() => import("./pages/sign-in"), "SignIn");
const Projects = pageOf(() => import("./pages/projects"), "Projects");
const Project = pageOf(() => import("./pages/project"), "Project");
const Repository = pageOf(() => import("./pages/repository"), "Repository");
const Artifact = pageOf(() => import("./pages/artifact"), "Artifact");
const Endpoints = pageOf(() => import("./pages/endpoints"), "Endpoints");
const NotFound = pageOf(() => import("./pages/not-found"), "NotFound");

export function App() {
  return (
    <Suspense fallback={<Loading />}>
      <Routes>
        <Route path="/" element={<Start />} />
        <Route path="/harbor" element={<Start />} />
        <Route path="/account/sign-in" element={<SignIn />} />
        <Route path="/harbor/*" element={<Pages />} />
        <Route path="*" element={<Pages />} />
      </Routes>
    </Suspense>
  );
}

function Pages() {
  return (
    <Shell>
      <Suspense fallback={<Loading />}>
        <Routes>
          {/* What is public can be seen by everyone. */}
          <Route path="projects" element={<Projects />} />
          <Route path="projects/:project/repositories/:repository/artifacts-tab?" element={<Repository />} />
          <Route
            path="projects/:project/repositories/:repository/artifacts-tab/artifacts/:digest"
            element={<Artifact />}
          />
          <Route path="projects/:project/:tab?/:part?" element={<Project />} />
          <Route path="registries" element={<Members page={Endpoints} />} />
          <Route path="*" element={<NotFound />} />
        </Routes>
      </Suspense>
    </Shell>
  );
}

/** A page for those who signed in: others sign in first, and come back to it. */
function Members({ page: Page }: { page: ComponentType }) {
  const me = useMe();
  const { pathname, search } = useLocation();
  if (me === undefined) return <Loading />;
  if (me === null) return <Navigate replace to={`/account/sign-in?back=${encodeURIComponent(pathname + search)}`} />;
  return <Page />;
}

function Start() {
  const me = useMe();
  if (me === undefined) return <Loading />;
  return <Navigate replace to={me === null ? "/account/sign-in" : "/harbor/home"} />;
}

function Loading() {
  return (
    <Center mih="40vh">
      <Loader type="dots" />
    </Center>
  );
}
