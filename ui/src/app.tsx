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
const Home = pageOf(() => import("./pages/home"), "Home");
const Search = pageOf(() => import("./pages/search"), "Search");
const Projects = pageOf(() => import("./pages/projects"), "Projects");
const Project = pageOf(() => import("./pages/project"), "Project");
const Repository = pageOf(() => import("./pages/repository"), "Repository");
const Artifact = pageOf(() => import("./pages/artifact"), "Artifact");
const Endpoints = pageOf(() => import("./pages/endpoints"), "Endpoints");
const Connect = pageOf(() => import("./pages/connect"), "Connect");
const Users = pageOf(() => import("./pages/users"), "Users");
const Robots = pageOf(() => import("./pages/system-robots"), "SystemRobots");
const Quotas = pageOf(() => import("./pages/quotas"), "Quotas");
const Logs = pageOf(() => import("./pages/logs"), "Logs");
const Configuration = pageOf(() => import("./pages/configuration"), "Configuration");
const About = pageOf(() => import("./pages/about"), "About");
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
          <Route path="search" element={<Search />} />
          <Route path="projects" element={<Projects />} />
          <Route path="projects/:project/repositories/:repository/artifacts-tab?" element={<Repository />} />
          <Route
            path="projects/:project/repositories/:repository/artifacts-tab/artifacts/:digest"
            element={<Artifact />}
          />
          <Route path="projects/:project/:tab?/:part?" element={<Project />} />
          <Route path="connect" element={<Connect />} />
          <Route path="about" element={<About />} />
          <Route path="home" element={<Members page={Home} />} />
          <Route path="registries" element={<Members page={Endpoints} />} />
          <Route path="users" element={<Members page={Users} />} />
          <Route path="robot-accounts" element={<Members page={Robots} />} />
          <Route path="project-quotas" element={<Members page={Quotas} />} />
          <Route path="logs/*" element={<Members page={Logs} />} />
          <Route path="configs/*" element={<Members page={Configuration} />} />
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
