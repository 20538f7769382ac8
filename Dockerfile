# Three stages: pages, binary, nothing else. The result holds one static file and
# the CA certificates, runs as nobody, and writes only to /data.
ARG NODE_IMAGE=node:22-bookworm-slim
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${NODE_IMAGE} AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM ${GO_IMAGE} AS binary
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=pages /src/web/dist web/dist
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/shopcast ./cmd/shopcast \
 && mkdir -p /out/data

FROM scratch
COPY --from=binary /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=binary /out/shopcast /shopcast
COPY --from=binary --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
EXPOSE 8080/tcp 8443/udp 8443/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/shopcast", "healthcheck"]
ENTRYPOINT ["/shopcast"]
CMD ["serve", "--data", "/data"]
