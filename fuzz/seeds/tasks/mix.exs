defmodule App.MixProject do
  use Mix.Project

  def project do
    [app: :app, version: "0.1.0", aliases: aliases(), deps: deps()]
  end

  defp aliases do
    [
      setup: ["deps.get", "ecto.setup"],
      "ecto.setup": ["ecto.create", "ecto.migrate", "run priv/repo/seeds.exs"],
      # old: ["x"],
      test: ["ecto.create --quiet", "test"],
      "assets.deploy": [
        "tailwind default --minify",
        "phx.digest"
      ]
    ]
  end

  defp deps do
    [{:ecto, "~> 3.0"}]
  end
end
