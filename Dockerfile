# lt in an image of its own: nothing but the binary and CA certificates, run by a
# user without rights. Results go to /data, which belongs to that user:
#
#   docker build -t lt .
#   docker run --rm -v "$PWD/lt-results:/data/lt-results" lt run peak --target https://gateway.example.test
FROM golang:1.26-alpine AS build
RUN apk add --no-cache ca-certificates git
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/lt ./cmd/lt \
 && mkdir -p /out/data/lt-results /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/lt /usr/local/bin/lt
COPY --from=build --chown=65532:65532 /out/data /data
# --reference keeps its throw-away database there.
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/lt"]
CMD ["--help"]
