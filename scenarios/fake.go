package scenarios

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/brianvoe/gofakeit/v7"
)

// A fake makes one kind of fake data from a user's own source of randomness.
type fake func(*gofakeit.Faker) string

// The kinds of fake data: ${fake.word}.
var fakes = map[string]fake{
	"adjective":  (*gofakeit.Faker).Adjective,
	"city":       (*gofakeit.Faker).City,
	"color":      (*gofakeit.Faker).Color,
	"company":    (*gofakeit.Faker).Company,
	"country":    (*gofakeit.Faker).Country,
	"domain":     fromTable((*gofakeit.Faker).DomainName),
	"email":      (*gofakeit.Faker).Email,
	"first_name": (*gofakeit.Faker).FirstName,
	"ip":         (*gofakeit.Faker).IPv4Address,
	"job":        (*gofakeit.Faker).JobTitle,
	"last_name":  (*gofakeit.Faker).LastName,
	"name":       (*gofakeit.Faker).Name,
	"noun":       (*gofakeit.Faker).Noun,
	"paragraph":  fromTable(func(f *gofakeit.Faker) string { return f.Paragraph() }),
	"phone":      (*gofakeit.Faker).Phone,
	"phrase":     (*gofakeit.Faker).Phrase,
	"product":    fromTable((*gofakeit.Faker).ProductName),
	"sentence":   fromTable(func(f *gofakeit.Faker) string { return f.Sentence() }),
	"street":     fromTable((*gofakeit.Faker).Street),
	"url":        fromTable((*gofakeit.Faker).URL),
	"user_agent": fromTable((*gofakeit.Faker).UserAgent),
	"username":   (*gofakeit.Faker).Username,
	"verb":       (*gofakeit.Faker).Verb,
	"word":       (*gofakeit.Faker).Word,
	"zip":        (*gofakeit.Faker).Zip,
}

func fakeKinds() []string { return slices.Sorted(maps.Keys(fakes)) }

// fromTable draws from 1,024 values made on first use: a sentence costs 2 us and
// twelve allocations, and no target tells a thousand of them from more.
func fromTable(f fake) fake {
	table := sync.OnceValue(func() []string {
		faker := gofakeit.NewFaker(rand.NewPCG(1, 2), false)
		t := make([]string, 1024)
		for i := range t {
			t[i] = f(faker)
		}
		return t
	})
	return func(f *gofakeit.Faker) string {
		t := table()
		return t[f.Uint64()%uint64(len(t))]
	}
}
