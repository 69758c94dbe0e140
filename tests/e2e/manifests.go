// Reads Kubernetes manifests as the API server would: each has to be of a kind that its version knows, and every field of the
// type that it has there; an unknown field is a mistake. Prints one JSON object a line, as the types understood it.
//
// Kinds of groups that Kubernetes itself does not have are passed on as they are.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		fail(err)
		object, err := read(decoder, document)
		fail(err)
		if object != nil {
			fail(json.NewEncoder(os.Stdout).Encode(object))
		}
	}
}

func read(decoder runtime.Decoder, document []byte) (any, error) {
	var plain map[string]any
	if err := yaml.Unmarshal(document, &plain); err != nil || len(plain) == 0 {
		return nil, err
	}
	version, _ := plain["apiVersion"].(string)
	group, err := schema.ParseGroupVersion(version)
	if err != nil {
		return nil, err
	}
	if version != "" && !scheme.Scheme.IsGroupRegistered(group.Group) {
		return plain, nil
	}
	object, kind, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%v of %v: %w", plain["kind"], version, err)
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	return object, nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
