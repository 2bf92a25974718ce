# One image for every process of Curfew: `docker run curfew workers/main.ts`. Node runs the TypeScript as it is.
FROM node:24.21.0-trixie-slim AS packages
WORKDIR /curfew
COPY package.json package-lock.json ./
# NB. `npm install`, not `npm ci`: the lock names no optional packages of other platforms, and `ci` refuses that. Nothing
# that runs here needs an install script: the native parts come ready-made in packages of their own.
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-trixie-slim
ENV NODE_ENV=production
WORKDIR /curfew
COPY --from=packages /curfew/node_modules node_modules
COPY package.json tsconfig.json ./
COPY activities activities
COPY api api
COPY audit audit
COPY cli cli
COPY conditions conditions
COPY directory directory
COPY config config
COPY doctor doctor
COPY domain domain
COPY policy policy
COPY service service
COPY slack slack
COPY store store
COPY targets targets
COPY temporal temporal
COPY workers workers
COPY workflows workflows
# The API, /healthz and /metrics of the worker, /healthz of reaper, hooks and collector.
EXPOSE 8080 8081 8082 8083 8084
USER node
ENTRYPOINT ["node"]
CMD ["api/main.ts"]
